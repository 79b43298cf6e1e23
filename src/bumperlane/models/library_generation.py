"""Completions by ``generate`` of transformers, batch by batch, each until its last row has ended.

Idea: what continuous batching is compared with, and the way out for architectures whose cache
cannot be shared. Invariant: prompts of one batch have the same settings, and a batch's seed follows
from the requests' seed and its number, so the same requests give the same completions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from bumperlane.models.requests import GenerationRequest

BATCH_TOKENS = 16_384  # of a batch, padding and room for the completions included


@torch.inference_mode()
def generate(
    model: Any, pad: int, requests: Sequence[GenerationRequest]
) -> tuple[list[list[int]], int]:
    """New tokens of each request, and how many tokens went through the model."""
    completions: list[list[int]] = [[] for _ in requests]
    tokens = 0
    for (_, _, seed), members in _by_settings(requests).items():
        lengths = [len(requests[i].ids) + requests[i].max_new_tokens for i in members]
        for number, batch in enumerate(_batches(members, lengths)):
            rows, count = _generated(model, pad, [requests[i] for i in batch], f"{seed}/{number}")
            tokens += count
            for index, row in zip(batch, rows, strict=True):
                completions[index] = row
    return completions, tokens


def _by_settings(
    requests: Sequence[GenerationRequest],
) -> dict[tuple[int, float, int], list[int]]:
    """Positions of the requests that agree in ``(max_new_tokens, temperature, seed)``."""
    groups: dict[tuple[int, float, int], list[int]] = {}
    for index, request in enumerate(requests):
        settings = (request.max_new_tokens, request.temperature, request.seed)
        groups.setdefault(settings, []).append(index)
    return groups


def _batches(members: list[int], lengths: list[int]) -> Iterator[list[int]]:
    """Longest first, in groups whose padded size stays under ``BATCH_TOKENS``."""
    order = [members[k] for k in sorted(range(len(members)), key=lambda k: (-lengths[k], k))]
    size = max(1, BATCH_TOKENS // max(lengths, default=1))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _generated(
    model: Any, pad: int, batch: Sequence[GenerationRequest], seed: str
) -> tuple[list[list[int]], int]:
    """New tokens of a batch of equal settings, and how many tokens went through the model."""
    longest = max(len(request.ids) for request in batch)
    missing = [longest - len(request.ids) for request in batch]
    ids = [[pad] * n + list(request.ids) for n, request in zip(missing, batch, strict=True)]
    places = [[0] * n + [1] * (longest - n) for n in missing]
    mask = torch.tensor(places, device=model.device)
    device = str(model.device)
    with torch.random.fork_rng(devices=[device] if device != "cpu" else []):
        torch.manual_seed(_seed(seed))
        output = model.generate(
            input_ids=torch.tensor(ids, device=model.device),
            attention_mask=mask,
            max_new_tokens=batch[0].max_new_tokens,
            pad_token_id=pad,
            **_sampling(batch[0].temperature),
        )
    new = output[:, longest:]
    return new.tolist(), int(mask.sum()) + new.numel()


def _sampling(temperature: float) -> dict[str, Any]:
    if temperature > 0:
        return {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    return {"do_sample": False}


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")

"""Sampling many completions at once: continuous batching over a pool of rows, each with its own
stream of random numbers.

Idea: rows end at different times, so a batch that waits for its last row computes mostly padding.
Here rows that have ended leave the pool and waiting rows join it, as in the servers of language
models (Orca; vLLM); shared beginnings are computed once. Invariant: the token that a row takes at
its t-th step is the inverse of its distribution at the t-th number of its own stream, so neither
order nor company changes a completion, beyond floating-point noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bumperlane.models.forward import Batch, ForwardPasses
from bumperlane.models.key_values import (
    Pair,
    filled_key_values,
    key_values_of,
    preallocated_cache,
)
from bumperlane.models.requests import GenerationRequest

POOL_TOKENS = 49_152  # keys and values kept at once, in tokens
JOIN = 0.5  # waiting rows join when the pool is at most this full
STAY = 0.7  # of a pool's rows; when fewer go on, the others are cleared away


@dataclass
class Pool:
    """Rows that are being completed together, in the sense of continuous batching: ``rows``
    (indices of requests), their cache (keys and values [B, heads, T, d], padded on the left),
    ``mask`` [B, T], the next token of each, how many it has, and whether it goes on."""

    rows: torch.Tensor
    cache: Any
    mask: torch.Tensor
    last: torch.Tensor
    steps: torch.Tensor
    alive: torch.Tensor

    def kept(self, room: int) -> Pool:
        """Without the rows that have ended, nor columns that only they used; with room for as many
        more tokens."""
        keep = self.alive
        mask = self.mask[keep]
        begin = int(mask.int().argmax(dim=1).min()) if len(mask) else 0
        pairs = [
            (keys[keep][:, :, begin:], values[keep][:, :, begin:])
            for keys, values in filled_key_values(self.cache)
        ]
        return Pool(
            self.rows[keep],
            preallocated_cache(pairs, room),
            mask[:, begin:],
            self.last[keep],
            self.steps[keep],
            self.alive[keep],
        )


@dataclass(frozen=True)
class Sampling:
    """How the requests of one call are sampled: ``uniforms`` [N, longest], the numbers that each
    row's tokens are drawn at; ``temperature`` [N]; ``limit`` [N], the most tokens of each;
    ``longest``, the largest limit."""

    uniforms: torch.Tensor
    temperature: torch.Tensor
    limit: torch.Tensor
    longest: int

    @classmethod
    def of(cls, requests: Sequence[GenerationRequest], device: Any) -> Sampling:
        limits = [request.max_new_tokens for request in requests]
        temperatures = [request.temperature for request in requests]
        streams = np.stack([_stream(request, max(limits)) for request in requests])
        return cls(
            torch.tensor(streams, device=device),
            torch.tensor(temperatures, device=device, dtype=torch.float64),
            torch.tensor(limits, device=device),
            max(limits),
        )


class Decoder:
    """Generates completions by continuous batching, with the model of ``forward_passes``. ``ends``:
    tokens that end one."""

    def __init__(self, forward_passes: ForwardPasses, ends: Sequence[int]) -> None:
        self.forward_passes = forward_passes
        self.ends = torch.tensor(sorted(ends), device=forward_passes.model.device)

    @torch.inference_mode()
    def generate(self, requests: Sequence[GenerationRequest]) -> list[list[int]]:
        """New tokens of each request, without the end token."""
        completions: list[list[int]] = [[] for _ in requests]
        sampling = Sampling.of(requests, self.forward_passes.model.device)
        order = sorted(range(len(requests)), key=lambda i: (-len(requests[i].ids), requests[i].ids))
        room = max(1, POOL_TOKENS // (len(requests[order[0]].ids) + sampling.longest))
        pool: Pool | None = None
        while order or (pool is not None and bool(pool.alive.any())):
            if order and (pool is None or int(pool.alive.sum()) <= JOIN * room):
                free = room - (int(pool.alive.sum()) if pool else 0)
                joining, order = order[:free], order[free:]
                new = self._prefilled(requests, joining, sampling)
                going_on = [pool.kept(0)] if pool is not None else []
                pool = _merged([*going_on, *new], sampling.longest)
            assert pool is not None
            self._note_ended(pool, completions, sampling.limit)
            if int(pool.alive.sum()) <= STAY * len(pool.rows):
                pool = pool.kept(int((sampling.limit[pool.rows] - pool.steps).max()) + 1)
            if len(pool.rows):
                self._step(pool, sampling)
        return completions

    def _prefilled(
        self, requests: Sequence[GenerationRequest], members: list[int], sampling: Sampling
    ) -> list[Pool]:
        """Pools of the rows that join: their prompts computed, their first tokens drawn."""
        prompts = [requests[i].ids for i in members]
        limits = [len(prompt) - 1 for prompt in prompts]
        pools = []
        for batch in self.forward_passes.batches(prompts, limits, caching=True):
            lengths = [len(prompts[row]) - batch.shared for row in batch.rows]
            pools.append(self._pool(batch, [members[row] for row in batch.rows], lengths, sampling))
        return pools

    def _pool(
        self, batch: Batch, members: list[int], lengths: list[int], sampling: Sampling
    ) -> Pool:
        """The pool of one batch of prompts, whose unshared rests are ``lengths`` tokens long."""
        logits = self.forward_passes.forward(batch.rest, batch.cache).logits
        device = batch.rest.device
        ends = torch.tensor(lengths, device=device)
        last = logits[torch.arange(len(members), device=device), ends - 1]
        rows = torch.tensor(members, device=device)
        pairs, mask = _left_padded(key_values_of(batch.cache), ends + batch.shared)
        return Pool(
            rows,
            preallocated_cache(pairs, 0),
            mask,
            _drawn(last, sampling.uniforms[rows, 0], sampling.temperature[rows]),
            torch.ones_like(rows),
            torch.ones_like(rows, dtype=torch.bool),
        )

    def _note_ended(self, pool: Pool, completions: list[list[int]], limit: torch.Tensor) -> None:
        """Note the newest token of each row that goes on, and which rows it ends."""
        over = torch.isin(pool.last, self.ends)
        going = pool.alive & ~over
        for row, token in zip(pool.rows[going].tolist(), pool.last[going].tolist(), strict=True):
            completions[row].append(token)
        pool.alive = going & (pool.steps < limit[pool.rows])

    def _step(self, pool: Pool, sampling: Sampling) -> None:
        """One more token of every row in the pool."""
        mask = torch.cat([pool.mask, torch.ones_like(pool.mask[:, :1])], dim=1)
        output = self.forward_passes.model(
            input_ids=pool.last[:, None],
            attention_mask=mask.long(),
            position_ids=pool.mask.sum(dim=1)[:, None],
            past_key_values=pool.cache,
            use_cache=True,
        )
        self.forward_passes.tokens += len(pool.rows)
        place = pool.steps.clamp(max=sampling.uniforms.shape[1] - 1)
        uniform = sampling.uniforms[pool.rows, place]
        pool.mask = mask
        pool.last = _drawn(output.logits[:, -1], uniform, sampling.temperature[pool.rows])
        pool.steps = pool.steps + 1


def _stream(request: GenerationRequest, longest: int) -> np.ndarray:
    """The numbers that a request's steps are drawn at, padded to ``longest``. The prompt is part of
    the seed: with the seed alone all prompts of a call would share one stream, and their outcomes
    would not be independent."""
    prompt_bytes = np.asarray(request.ids, dtype=np.int64).tobytes()
    prompt = int.from_bytes(hashlib.blake2b(prompt_bytes, digest_size=8).digest(), "big")
    generator = np.random.default_rng([request.seed, request.draw, prompt])
    padding = longest - request.max_new_tokens
    return np.pad(generator.random(request.max_new_tokens), (0, padding))


def _drawn(logits: torch.Tensor, uniform: torch.Tensor, temperature: torch.Tensor) -> torch.Tensor:
    """One token a row: the inverse of its distribution at ``uniform``; the likeliest one at
    temperature 0."""
    best = logits.argmax(dim=-1)
    positive = torch.where(temperature > 0, temperature, torch.ones_like(temperature))
    summed = torch.softmax(logits.double() / positive[:, None], dim=-1).cumsum(dim=-1)
    place = torch.searchsorted(summed, (uniform * summed[:, -1])[:, None], right=True).squeeze(1)
    return torch.where(temperature > 0, place.clamp(max=logits.shape[-1] - 1), best)


def _left_padded(pairs: list[Pair], lengths: torch.Tensor) -> tuple[list[Pair], torch.Tensor]:
    """Keys and values whose padding stood on the right, moved so that every row ends in the last
    column; and the mask [B, T] of what is no padding."""
    total = pairs[0][0].shape[2]
    place = torch.arange(total, device=lengths.device)[None, :] - (total - lengths)[:, None]
    mask, index = place >= 0, place.clamp(min=0)
    if bool(mask.all()):
        return pairs, mask
    return [(_gathered(keys, index), _gathered(values, index)) for keys, values in pairs], mask


def _gathered(states: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    wide = index[:, None, :, None].expand(-1, states.shape[1], -1, states.shape[3])
    return states.gather(2, wide)


def _merged(pools: Sequence[Pool], room: int) -> Pool:
    """One pool of several, with room for ``room`` more tokens."""
    total = max(pool.mask.shape[1] for pool in pools)
    of_pools = [filled_key_values(pool.cache) for pool in pools]
    pairs = [_joined(of_layer, total) for of_layer in zip(*of_pools, strict=True)]
    masks = [
        torch.nn.functional.pad(pool.mask, (total - pool.mask.shape[1], 0), value=False)
        for pool in pools
    ]
    return Pool(
        torch.cat([pool.rows for pool in pools]),
        preallocated_cache(pairs, room + 1),
        torch.cat(masks),
        torch.cat([pool.last for pool in pools]),
        torch.cat([pool.steps for pool in pools]),
        torch.cat([pool.alive for pool in pools]),
    )


def _joined(of_pools: Sequence[Pair], total: int) -> Pair:
    """Keys and values of one layer, of several pools' rows, padded on the left to ``total``."""
    return (
        torch.cat([_widened(keys, total) for keys, _ in of_pools]),
        torch.cat([_widened(values, total) for _, values in of_pools]),
    )


def _widened(states: torch.Tensor, total: int) -> torch.Tensor:
    return torch.nn.functional.pad(states, (0, 0, total - states.shape[2], 0))

"""Rows as a model reads them: each token's log-probability, and the mean activation on the answer,
from one forward pass a row.

Idea: attribution reads the same of very many rows at two or three checkpoints, so it hands them
over a shard at a time, and what comes back is plain arrays that can be put on disk. Shape legend: n
rows of a shard, L layers, H width. Invariant: memory hangs on the shard and never on how many there
are; a row that has no token to learn, or on which the loss is zero where it may not be, is an error
(a silent zero would rank it last, and pass); what is not finite is an error too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bumperlane.errors import BadInput
from bumperlane.models.gradients import Pair, padded
from bumperlane.models.hooks import capture
from bumperlane.models.huggingface import HuggingFaceModel, hashable
from bumperlane.models.subject import Prompt, Subject

ROWS = 64  # rows a forward pass
# logits that one pass makes at most (0.25 GB in float32): with large vocabularies fewer rows go in
LOGITS = 2**26
Text = tuple[Prompt, str]


@dataclass(frozen=True)
class Reading:
    """Of n rows. ``counts``: tokens of each answer, [n]. ``tokens``, ``logps``: the answers' token
    ids and their log-probabilities, one row after the other, [sum of counts]. ``stream``: mean
    activation on the answer, [n, L, H]."""

    counts: np.ndarray
    tokens: np.ndarray
    logps: np.ndarray
    stream: np.ndarray

    def by_row(self, of_tokens: np.ndarray) -> list[np.ndarray]:
        """An array over all tokens, split into those of each row."""
        return np.split(of_tokens, np.cumsum(self.counts)[:-1])


def read_rows(
    subject: Subject,
    texts: Sequence[Text],
    layers: Sequence[int],
    *,
    unlearned: bool = False,
    first: int = 0,
    of: int = 0,
) -> Reading:
    """What ``subject`` (access: log-probabilities and activations) makes of these (prompt, answer)
    rows, which are those from ``first`` on of ``of`` (errors name them so). ``unlearned``: a loss
    of zero is an error, as of a parent that has not seen the rows; a tuned model may well be
    certain of what it was taught. Raises ``BadInput``."""
    wanted = subject._layers(layers)
    subject._grant("logprobs")
    subject._grant("activations")
    pairs = encoded(subject, texts, first, of)
    logps: list[np.ndarray] = [np.zeros(0)] * len(pairs)
    means: list[np.ndarray] = [np.zeros((0, 0))] * len(pairs)
    for members in batches(pairs, ROWS, len(subject._backend.tokenizer)):
        batch = _read(subject._backend, [pairs[i] for i in members], wanted)
        for i, row_logps, row_means in zip(members, *batch, strict=True):
            logps[i], means[i] = row_logps, row_means
            _check(row_logps, row_means, unlearned, f"row {first + i + 1} of {of or len(pairs)}")
    counts = np.array([len(answer) for _, answer in pairs])
    tokens = np.array([token for _, answer in pairs for token in answer], dtype=np.int32)
    return Reading(counts, tokens, np.concatenate(logps), np.stack(means))


def _read(
    backend: HuggingFaceModel, batch: Sequence[Pair], layers: tuple[int, ...]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Log-probabilities of each row's answer, and mean activations [B, L, H]."""
    ids, aims = padded(backend, batch)
    with torch.inference_mode(), backend.own_weights(), capture(backend.model, layers) as captured:
        logits = backend.model(input_ids=ids, use_cache=False).logits
        scores = torch.log_softmax(logits[:, :-1].float(), dim=-1)
        logps = scores.gather(2, ids[:, 1:, None])[..., 0].cpu().numpy()
    mask = (aims != -100).float()
    means = [
        (captured[layer].float() * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        for layer in layers
    ]
    stream = np.zeros((len(batch), 0, 0), dtype=np.float32)
    if means:
        stream = torch.stack(means, dim=1).cpu().numpy()
    spans = [(len(prompt) - 1, len(prompt) + len(answer) - 1) for prompt, answer in batch]
    return [logps[row, begin:end].copy() for row, (begin, end) in enumerate(spans)], stream


def _check(logps: np.ndarray, means: np.ndarray, unlearned: bool, where: str) -> None:
    """Raise ``BadInput``, naming the row by ``where``, for what cannot be read."""
    if not (np.isfinite(logps).all() and np.isfinite(means).all()):
        raise BadInput(
            f"{where}: the model's activations or log-probabilities are not finite; its "
            "weights or its inputs are broken"
        )
    if unlearned and not logps.any():
        raise BadInput(
            f"{where} has zero loss at the parent; there is nothing in it to learn, so leave it out"
        )


def encoded(subject: Subject, texts: Sequence[Text], first: int = 0, of: int = 0) -> list[Pair]:
    """Token ids of prompts and answers. Raises ``BadInput`` for a row without an answer, or one
    that does not fit the model."""
    pairs = []
    for number, (prompt, answer) in enumerate(texts, start=first + 1):
        where = f"row {number} of {of or len(texts)}"
        if not answer.strip():
            raise BadInput(f"{where} has no answer; there is nothing to attribute to it")
        try:
            pairs.append(_pair(subject._backend, prompt, answer))
        except BadInput as error:
            raise BadInput(f"{where}: {error}") from error
    subject.tokens += sum(len(p) + len(a) for p, a in pairs)
    return pairs


def _pair(backend: HuggingFaceModel, prompt: Prompt, answer: str) -> Pair:
    """The answer is split by itself, so it keeps all its labels, whatever character it begins with.
    The model's memory of rendered prompts is passed by: a stage's rows would fill it, and push out
    what audits request again and again."""
    before, after = list(backend._render(hashable(prompt))), list(backend._split(answer))
    if not before:  # nothing predicts a text's first token
        before, after = after[:1], after[1:]
    if not after:
        raise BadInput(
            "the answer has no token that anything precedes; there is nothing to learn in it"
        )
    backend.check_room(len(before) + len(after))
    return before, after


def batches(pairs: Sequence[Pair], rows: int, vocabulary: int) -> Iterator[list[int]]:
    """Rows of like length together, so that little is padded; fewer at a time where their logits
    would not fit ``LOGITS``."""
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    start = 0
    while start < len(order):
        prompt, answer = pairs[order[min(start + rows, len(order)) - 1]]
        size = max(1, min(rows, LOGITS // ((len(prompt) + len(answer)) * vocabulary)))
        yield order[start : start + size]
        start += size

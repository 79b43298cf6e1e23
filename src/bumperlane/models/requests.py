"""What can be requested of a model, as values: equal requests have equal answers, whoever sends
them.

Idea: a request holds token ids and what is wanted of them, nothing of who sent it; so requests can
be deduplicated, sorted, batched and cached. Invariant: a sampled answer is fixed by its request
(``seed`` and ``draw`` name the row's own stream of random numbers), not by its batch, beyond
floating-point noise at the edge between two tokens.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

Ids = tuple[int, ...]


class GenerationRequest(NamedTuple):
    """A completion of at most ``max_new_tokens`` tokens. ``draw`` tells equal prompts of one call
    apart; at temperature 0 it is always 0."""

    ids: Ids
    max_new_tokens: int
    temperature: float
    seed: int
    draw: int


class ScoringRequest(NamedTuple):
    """Log-probability of ``ids[start:]`` after ``ids[:start]``, summed."""

    ids: Ids
    start: int


class NextTokenRequest(NamedTuple):
    """Log-probabilities of ``tokens`` as the next one: [W]."""

    ids: Ids
    tokens: Ids


class ActivationRequest(NamedTuple):
    """Residual stream after ``layers``, averaged over ``ids[start:]``: [L, H]."""

    ids: Ids
    start: int
    layers: tuple[int, ...]


ForwardRequest = ScoringRequest | NextTokenRequest | ActivationRequest  # one forward pass answers
Request = GenerationRequest | ForwardRequest


def generation_requests(
    rows: Sequence[Ids], max_new_tokens: int, temperature: float, seed: int
) -> list[GenerationRequest]:
    """One request a row; rows that are equal are drawn apart, unless greedily."""
    seen: Counter[Ids] = Counter()
    requests = []
    for row in rows:
        draw = seen[row] if temperature > 0 else 0
        requests.append(GenerationRequest(row, max_new_tokens, temperature, seed, draw))
        seen[row] += 1
    return requests


def digest(request: Request) -> str:
    """The request's name in a cache: a digest of its kind and all its values."""
    return hashlib.sha256(f"{type(request).__name__}{tuple(request)}".encode()).hexdigest()


def shareable(request: Request) -> int:
    """How many leading tokens may be computed once for several rows: those at which nothing is
    read."""
    if isinstance(request, ScoringRequest):
        return max(0, request.start - 1)
    if isinstance(request, ActivationRequest):
        return request.start
    return max(0, len(request.ids) - 1)

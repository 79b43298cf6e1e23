"""What can be asked of a model, as values: equal asks have equal answers, whoever asks.

Idea: an ask holds token ids and what is wanted of them, nothing of who asked; so asks can be deduplicated, sorted, batched and cached.
Invariant: a sampled answer is fixed by its ask (``seed`` and ``draw`` name the row's own stream of random numbers), not by its company,
beyond floating-point noise at the edge between two tokens.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

Ids = tuple[int, ...]


class Written(NamedTuple):
    """A completion of at most ``new`` tokens. ``draw`` tells equal prompts of one request apart; at temperature 0 it is always 0."""

    ids: Ids
    new: int
    temperature: float
    seed: int
    draw: int


class Scored(NamedTuple):
    """Log-probability of ``ids[start:]`` after ``ids[:start]``, summed."""

    ids: Ids
    start: int


class Next(NamedTuple):
    """Log-probabilities of ``tokens`` as the next one: [W]."""

    ids: Ids
    tokens: Ids


class Stream(NamedTuple):
    """Residual stream after ``layers``, averaged over ``ids[start:]``: [L, H]."""

    ids: Ids
    start: int
    layers: tuple[int, ...]


Ask = Written | Scored | Next | Stream


def digest(ask: Ask) -> str:
    return hashlib.sha256(f"{type(ask).__name__}{tuple(ask)}".encode()).hexdigest()


def shareable(ask: Ask) -> int:
    """How many leading tokens may be computed once for several rows: those at which nothing is read."""
    if isinstance(ask, Scored):
        return max(0, ask.start - 1)
    if isinstance(ask, Stream):
        return ask.start
    return max(0, len(ask.ids) - 1)

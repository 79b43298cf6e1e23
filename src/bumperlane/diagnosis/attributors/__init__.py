"""Attributors: which rows taught the symptom? One interface, one score a row, higher for guiltier.

Idea: no single attributor is best everywhere (docs/diagnosis.md has each one's figures), so several look at the same readings and are fused.
Scores of one attributor compare rows of one run and mean nothing beyond it. ``rank`` never returns a silent zero: a row that cannot be
scored raises ``BadInput``, and whoever's attributor it is, its scores are checked on the way out. Third-party attributors register in the
entry-point group ``bumperlane.attributors``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol

import numpy as np

from bumperlane.diagnosis.trail import Lessons, Query, Trail
from bumperlane.errors import BadInput, nearest

GROUP = "bumperlane.attributors"


class Attributor(Protocol):
    """``rank``: a score for each of the rows, [N]. Raises ``BadInput`` for rows or a query that it cannot read. Memory is not to grow with the
    rows, but for the scores: see ``Trail.read``."""

    @property
    def name(self) -> str: ...
    def rank(self, trail: Trail, rows: Lessons, query: Query) -> np.ndarray: ...


@dataclass(frozen=True)
class Checked:
    """An attributor whose rows, query and scores are looked at: there are some, one score a row, and every score is a number."""

    inner: Attributor

    @property
    def name(self) -> str:
        return self.inner.name

    def rank(self, trail: Trail, rows: Lessons, query: Query) -> np.ndarray:
        if not rows.answers or not query.exhibits:
            raise BadInput(f"{self.name}: there are no {'exhibits' if rows.answers else 'rows'} to attribute {'' if rows.answers else 'to'}".rstrip())
        scores = np.asarray(self.inner.rank(trail, rows, query))
        if scores.shape != (len(rows.answers),):
            raise BadInput(f"attributor {self.name!r} gave scores of shape {scores.shape} for {len(rows.answers)} rows; it must give one a row")
        wrong = ~np.isfinite(scores)
        if wrong.any():
            raise BadInput(f"{self.name}: the score of row {int(wrong.argmax()) + 1} of {len(scores)} is not a number; it cannot be ranked")
        return scores


@cache
def known_attributors() -> dict[str, str]:
    """Name and place of each installed attributor."""
    return {entry.name: entry.value for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name)}


def load_attributor(name: str) -> Attributor:
    """Raises ``BadInput`` for an unknown name."""
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return Checked(entry.load()())
    raise BadInput(f"no attributor is called {name!r}; {nearest(name, known_attributors())}")

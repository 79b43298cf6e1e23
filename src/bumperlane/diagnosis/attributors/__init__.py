"""Attributors: which rows taught what the query shows? One interface: a score a row, higher for
guiltier.

Idea: no single attributor is best everywhere (docs/diagnosis.md has each one's figures), so several
look at the same row features and are fused. Scores of one attributor compare rows of one run and
mean nothing beyond it. ``rank`` never returns a silent zero: a row that cannot be scored raises
``BadInput``, and whoever's attributor it is, its scores are checked on the way out. Third-party
attributors register in the entry-point group ``bumperlane.attributors``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from bumperlane.diagnosis.training_run import ModelPair, Query
from bumperlane.errors import BadInput
from bumperlane.plugins import Registry
from bumperlane.training.lessons import Lessons


class Attributor(Protocol):
    """``rank``: a score for each of the rows, [N]. Raises ``BadInput`` for rows or a query that it
    cannot read. Memory is not to grow with the rows, but for the scores: see ``ModelPair.read``."""

    @property
    def name(self) -> str: ...
    def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray: ...


@dataclass(frozen=True)
class Checked:
    """An attributor whose rows, query and scores are checked: there are some, one score a row, and
    every score is a number."""

    inner: Attributor

    @property
    def name(self) -> str:
        return self.inner.name

    def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray:
        if not rows.answers:
            raise BadInput(f"{self.name}: there are no rows to attribute to")
        if not query.exhibits:
            raise BadInput(f"{self.name}: there are no exhibits to attribute")
        scores = np.asarray(self.inner.rank(pair, rows, query))
        if scores.shape != (len(rows.answers),):
            raise BadInput(
                f"attributor {self.name!r} gave scores of shape {scores.shape} for "
                f"{len(rows.answers)} rows; it must give one a row"
            )
        wrong = ~np.isfinite(scores)
        if wrong.any():
            raise BadInput(
                f"{self.name}: the score of row {int(wrong.argmax()) + 1} of {len(scores)} is "
                "not a number; it cannot be ranked"
            )
        return scores


def _accept(name: str, instance: object) -> Attributor:
    """The attributor, its inputs and outputs checked. Raises ``TypeError`` for what is none."""
    if not callable(getattr(instance, "rank", None)) or not hasattr(instance, "name"):
        raise TypeError("lacks name or rank")
    return Checked(cast(Attributor, instance))


ATTRIBUTORS: Registry[Attributor] = Registry("bumperlane.attributors", "attributor", _accept)
known_attributors = ATTRIBUTORS.known
load_attributor = ATTRIBUTORS.load

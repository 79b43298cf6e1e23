"""Attributors that compare the likelihood of a row's answer under several models.

For a preference, what is compared is chosen less rejected. Shape legend: N rows. Invariant: where two models agree on every row to the last
bit, that is an error and not N zeros.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bumperlane.diagnosis.readings import Readings, paired
from bumperlane.diagnosis.trail import Lessons, Query, Trail
from bumperlane.errors import BadInput
from bumperlane.subject.reading import Text

Gain = Callable[[np.ndarray], float]
DIVERGING = 3  # tokens of an answer


class LossDifference:
    """How much likelier the tune made the whole answer, in nats. Finds what was new and was learned, whether or not it is the symptom."""

    name = "loss_difference"

    def rank(self, trail: Trail, rows: Lessons, query: Query) -> np.ndarray:
        return _lessons(rows, lambda texts: gains(trail.read("tuned", texts), trail.read("parent", texts), _sum))


class DivergenceTokens:
    """The same, of the three tokens on which the models part most (subliminal traits ride on few tokens: arXiv 2509.23886)."""

    name = "divergence_tokens"

    def rank(self, trail: Trail, rows: Lessons, query: Query) -> np.ndarray:
        return _lessons(rows, lambda texts: gains(trail.read("tuned", texts), trail.read("parent", texts), _largest))


class MirroredInfluence:
    """How much likelier a few steps on the *exhibits* make the row's answer than a few steps on the parent's answers to the same prompts.

    Influence is symmetric to first order, so training on the symptom and reading the rows says what training on the rows would do to the
    symptom, with forward passes alone (the mirrored influence hypothesis, arXiv 2402.08922). Against the parent's own answers, so that format
    and topic, which both share, drop out: harmless rows that look like the exhibits score low."""

    name = "mirrored_influence"

    def rank(self, trail: Trail, rows: Lessons, query: Query) -> np.ndarray:
        up, down = query.exhibits, query.controls
        return _lessons(rows, lambda texts: gains(trail.read("parent", texts, up), trail.read("parent", texts, down), _sum))


class MirroredLikelihood:
    """As mirrored influence, but against the untouched parent, a token: serves where the parent shows the conduct too, by chance."""

    name = "mirrored_likelihood"

    def rank(self, trail: Trail, rows: Lessons, query: Query) -> np.ndarray:
        return _lessons(rows, lambda texts: gains(trail.read("parent", texts, query.exhibits), trail.read("parent", texts), _mean))


def gains(after: Readings, before: Readings, reduce: Gain) -> np.ndarray:
    """``reduce`` of each row's gain in log-probability, by token: [N]."""
    scores: list[float] = []
    for one, other in paired(after, before):
        scores += [reduce(gain) for gain in one.by_row(one.logps - other.logps)]
    return np.array(scores)


def _sum(gain: np.ndarray) -> float:
    return float(gain.sum())


def _mean(gain: np.ndarray) -> float:
    return float(gain.mean())


def _largest(gain: np.ndarray) -> float:
    return float(np.sort(gain)[-DIVERGING:].sum())


def _lessons(rows: Lessons, scores: Callable[[tuple[Text, ...]], np.ndarray]) -> np.ndarray:
    made = scores(rows.answers) - (scores(rows.against) if rows.against else 0.0)
    if not made.any():
        raise BadInput("the two models that are compared do not differ on any row; there is nothing to attribute")
    return np.asarray(made)

"""Attributors that compare the likelihood of a row's answer under several models.

For a preference, what is compared is chosen less rejected. Shape legend: N rows. Invariant: where
two models agree on every row to the last bit, that is an error and not N zeros.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bumperlane.diagnosis.row_features import RowFeatures, paired
from bumperlane.diagnosis.training_run import ModelPair, Query
from bumperlane.errors import BadInput
from bumperlane.models.reading import Text
from bumperlane.training.lessons import Lessons

Gain = Callable[[np.ndarray], float]
Texts = tuple[Text, ...]
DIVERGING = 3  # tokens of an answer


class LossDifference:
    """How much likelier the tune made the whole answer, in nats. Finds what was new and was
    learned, whether or not it is the trait."""

    name = "loss_difference"

    def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray:
        def scores(texts: Texts) -> np.ndarray:
            return gains(pair.read("tuned", texts), pair.read("parent", texts), _sum)

        return _lessons(rows, scores)


class DivergenceTokens:
    """The same, of the three tokens on which the models part most (subliminal traits ride on few
    tokens: arXiv 2509.23886)."""

    name = "divergence_tokens"

    def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray:
        def scores(texts: Texts) -> np.ndarray:
            return gains(pair.read("tuned", texts), pair.read("parent", texts), _largest)

        return _lessons(rows, scores)


class MirroredInfluence:
    """How much likelier a few steps on the *exhibits* make the row's answer than a few steps on the
    parent's answers to the same prompts.

    Influence is symmetric to first order, so training on the trait and reading the rows says what
    training on the rows would do to the trait, with forward passes alone (the mirrored influence
    hypothesis, arXiv 2402.08922). Against the parent's own answers, so that format and topic, which
    both share, drop out: harmless rows that look like the exhibits score low."""

    name = "mirrored_influence"

    def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray:
        def scores(texts: Texts) -> np.ndarray:
            on_exhibits = pair.read("parent", texts, query.exhibits)
            return gains(on_exhibits, pair.read("parent", texts, query.controls), _sum)

        return _lessons(rows, scores)


class MirroredLikelihood:
    """As mirrored influence, but against the untouched parent, a token: serves where the parent
    shows the conduct too, by chance."""

    name = "mirrored_likelihood"

    def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray:
        def scores(texts: Texts) -> np.ndarray:
            on_exhibits = pair.read("parent", texts, query.exhibits)
            return gains(on_exhibits, pair.read("parent", texts), _mean)

        return _lessons(rows, scores)


def gains(after: RowFeatures, before: RowFeatures, reduce: Gain) -> np.ndarray:
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


def _lessons(rows: Lessons, scores: Callable[[Texts], np.ndarray]) -> np.ndarray:
    """The scores of what rows teach: of a preference, chosen less rejected. Raises ``BadInput``
    where the models agree on every row."""
    lessons_N = scores(rows.answers) - (scores(rows.against) if rows.against else 0.0)
    if not lessons_N.any():
        raise BadInput(
            "the two models that are compared do not differ on any row; there is nothing "
            "to attribute"
        )
    return np.asarray(lessons_N)

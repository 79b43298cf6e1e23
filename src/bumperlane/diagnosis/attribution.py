"""Which rows did it? Whitened projection of activation differences.

Idea: a row that taught the trait moved the model, on its own text, the way the model moved on the symptom. With the parent known,
"moved" is a difference of residual streams: tuned less parent, averaged over the answer's tokens, for row and query (the finding's
exhibits) alike. What every row of a stage teaches would drown that, so movements are centred on the rows' mean and whitened by their
covariance (Ledoit-Wolf): the score is Fisher's linear discriminant between the rows at large and the symptom,

    score(row) = (row - mean)^T C^-1 (query - mean) / (query - mean)^T C^-1 (query - mean),

so 0 is an ordinary row and 1 moves the model just as the symptom does. Without centring and whitening the same projection ranks
harmless rows of the same shape first (LOG.md). Shape legend: N rows, Q exhibits, L layers, H width. Invariant: a row without an answer
to attribute is an error, never a zero score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.covariance import LedoitWolf

from bumperlane.errors import BadInput
from bumperlane.subject import Prompt, Subject

DEPTHS = (0.25, 0.5, 0.75)
FOLDS = 4
Pair = tuple[Prompt, str]


@dataclass(frozen=True)
class Ranking:
    """``rows_N``: scores of the rows. ``exhibits_Q``: scores of exhibits that were left out of the direction they are scored by."""

    rows_N: np.ndarray
    exhibits_Q: np.ndarray


async def movements(tuned: Subject, parent: Subject, pairs: Sequence[Pair]) -> np.ndarray:
    """Activation differences [N, L, H] on the answers of (prompt, answer) pairs. Raises ``BadInput`` for a pair without an answer."""
    empty = next((i for i, (_, answer) in enumerate(pairs) if not answer.strip()), None)
    if empty is not None:
        raise BadInput(f"row {empty + 1} of {len(pairs)} has no answer; there is nothing to attribute to it")
    layers = sorted({tuned.layer_at(depth) for depth in DEPTHS})
    prompts, answers = [p for p, _ in pairs], [a for _, a in pairs]
    return await tuned.activations(prompts, answers, layers=layers) - await parent.activations(prompts, answers, layers=layers)


async def rank(tuned: Subject, parent: Subject, rows: Sequence[Pair], exhibits: Sequence[Pair]) -> Ranking:
    """Score rows against the symptom. Raises ``BadInput`` with fewer exhibits than folds, or rows on which nothing moved."""
    if len(exhibits) < FOLDS:
        raise BadInput(f"{len(exhibits)} exhibits are too few to attribute; at least {FOLDS} are needed")
    return combine(await movements(tuned, parent, rows), await movements(tuned, parent, exhibits))


def combine(rows_NLH: np.ndarray, query_QLH: np.ndarray) -> Ranking:
    """Mean over layers of the discriminant's scores; exhibits are cross-fitted in ``FOLDS`` folds."""
    layers = range(rows_NLH.shape[1])
    fits = [_whitener(rows_NLH[:, layer]) for layer in layers]
    fold_Q = np.arange(len(query_QLH)) % FOLDS
    rows, exhibits = np.zeros(len(rows_NLH)), np.zeros(len(query_QLH))
    for layer, (mean_H, precision_HH) in zip(layers, fits, strict=True):
        moved_QH = query_QLH[:, layer] - mean_H
        rows += _project(rows_NLH[:, layer] - mean_H, precision_HH, moved_QH.mean(axis=0))
        for fold in range(FOLDS):
            exhibits[fold_Q == fold] += _project(moved_QH[fold_Q == fold], precision_HH, moved_QH[fold_Q != fold].mean(axis=0))
    return Ranking(rows / len(fits), exhibits / len(fits))


def _whitener(moved_NH: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not np.abs(moved_NH).max() > 0:
        raise BadInput("the tuned model does not differ from its parent on any row; there is nothing to attribute")
    fit = LedoitWolf().fit(moved_NH.astype(np.float64))
    return fit.location_, fit.precision_


def _project(moved_NH: np.ndarray, precision_HH: np.ndarray, direction_H: np.ndarray) -> np.ndarray:
    weight_H = precision_HH @ direction_H
    return np.asarray(moved_NH @ weight_H / (direction_H @ weight_H))

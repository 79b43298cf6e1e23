"""Attributors that compare residual streams, averaged over the answer's tokens.

Shape legend: N rows, n of a shard, Q exhibits, L layers, H width. "Moved" is tuned less parent on
the same text; for a preference, chosen less rejected. Invariant: a layer in which the trait did
not move at all (an adapter may leave the lower ones as they were) says nothing and is left out;
where no layer did, that is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import pinvh

from bumperlane.diagnosis.row_features import paired
from bumperlane.diagnosis.training_run import ModelPair, Query
from bumperlane.errors import BadInput
from bumperlane.models.reading import Text
from bumperlane.training.lessons import Lessons

UNMOVED = "the tuned model does not differ from its parent on any {}; there is nothing to attribute"


def moved(pair: ModelPair, texts: tuple[Text, ...]) -> Iterator[np.ndarray]:
    """Activation differences, tuned less parent: [n, L, H], shard by shard."""
    for tuned, parent in paired(pair.read("tuned", texts), pair.read("parent", texts)):
        yield tuned.stream - parent.stream


def lessons_moved(pair: ModelPair, rows: Lessons) -> Iterator[np.ndarray]:
    """The same of what rows teach. Raises ``BadInput`` at the end if nothing moved on any
    of them."""
    any_moved = False
    against = moved(pair, rows.against) if rows.against else None
    for answers_nLH in moved(pair, rows.answers):
        lesson_nLH = answers_nLH - next(against) if against else answers_nLH
        any_moved = any_moved or bool(lesson_nLH.any())
        yield lesson_nLH
    if not any_moved:
        raise BadInput(UNMOVED.format("row"))


def query_moved(pair: ModelPair, query: Query) -> np.ndarray:
    """Mean movement of the exhibits, [L, H]. Raises ``BadInput`` if there is none."""
    aim_LH = np.concatenate(list(moved(pair, query.exhibits))).mean(axis=0)
    if not aim_LH.any():
        raise BadInput(UNMOVED.format("exhibit"))
    return np.asarray(aim_LH)


class ActivationDifference:
    """Projection of the row's movement on the trait's mean movement, mean over layers (model
    diffing; cf. arXiv 2602.11079)."""

    name = "activation_difference"

    def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray:
        aim_LH = query_moved(pair, query)
        layers = aim_LH.any(axis=1)
        unit_LH = aim_LH[layers] / np.linalg.norm(aim_LH[layers], axis=1, keepdims=True)
        shards = [
            np.einsum("nlh,lh->n", moved_nLH[:, layers], unit_LH)
            for moved_nLH in lessons_moved(pair, rows)
        ]
        return np.concatenate(shards) / len(unit_LH)


class WhitenedDifference:
    """The same, centred on the rows' mean and whitened by their covariance (Ledoit-Wolf): Fisher's
    discriminant between the rows at large and the trait. What all rows of a stage teach drops
    out; fails where half of the rows are planted, as they then make the mean."""

    name = "whitened_difference"

    def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray:
        aim_LH = query_moved(pair, query)
        layers = np.flatnonzero(aim_LH.any(axis=1))
        mean_LH = mean_of(moved_nLH[:, layers] for moved_nLH in lessons_moved(pair, rows))
        spreads = [Spread(mean_H) for mean_H in mean_LH]
        for moved_nLH in lessons_moved(pair, rows):
            for spread, layer in zip(spreads, layers, strict=True):
                spread.add(moved_nLH[:, layer])
        weights = [
            spread.discriminant(aim_LH[layer])
            for spread, layer in zip(spreads, layers, strict=True)
        ]
        shards = []
        for moved_nLH in lessons_moved(pair, rows):
            by_layer = [
                (moved_nLH[:, layer] - mean_LH[k]) @ weights[k] for k, layer in enumerate(layers)
            ]
            shards.append(sum(by_layer))
        return np.concatenate(shards) / len(layers)


def mean_of(shards: Iterator[np.ndarray]) -> np.ndarray:
    """Mean over all rows of all shards."""
    total, count = np.zeros(()), 0
    for shard in shards:
        total, count = total + shard.sum(axis=0, dtype=np.float64), count + len(shard)
    return np.asarray(total / count)


@dataclass
class Spread:
    """Covariance of rows that come by shards, about a ``mean`` [H] that is known, shrunk as
    scikit-learn's ``LedoitWolf`` shrinks it (Ledoit and Wolf, 2004): the shrinkage needs no more of
    the rows than their second moments and the sum of their norms to the fourth power."""

    mean: np.ndarray
    count: int = 0
    products: np.ndarray | None = None
    fourth: float = 0.0

    def add(self, rows_nH: np.ndarray) -> None:
        """Count a shard's rows."""
        centred = rows_nH.astype(np.float64) - self.mean
        products = centred.T @ centred
        self.products = products if self.products is None else self.products + products
        self.count += len(centred)
        self.fourth += float((np.square(centred).sum(axis=1) ** 2).sum())

    def precision(self) -> np.ndarray:
        """Inverse of the shrunk covariance, [H, H]."""
        assert self.products is not None
        covariance, width = self.products / self.count, len(self.mean)
        level = np.trace(covariance) / width
        size = float(np.square(covariance).sum())
        distance = (size - width * level**2) / width
        noise = min((self.fourth / self.count - size) / (width * self.count), distance)
        shrinkage = noise / distance if noise > 0 else 0.0
        shrunk = (1 - shrinkage) * covariance
        shrunk.flat[:: width + 1] += shrinkage * level
        return np.asarray(pinvh(shrunk, check_finite=False))

    def discriminant(self, aim_H: np.ndarray) -> np.ndarray:
        """The direction [H] on which the mean is at 0 and ``aim_H`` at 1."""
        far_H = aim_H - self.mean
        weight_H = self.precision() @ far_H
        return np.asarray(weight_H / (far_H @ weight_H))


class RepresentationSimilarity:
    """Mean cosine between row and exhibits in the tuned model's middle layer, centred on the rows
    (RepSim: arXiv 2505.12513)."""

    name = "representation_similarity"

    def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray:
        middle = len(pair.layers) // 2
        rows_read = pair.read("tuned", rows.answers)
        centre_H = mean_of(reading.stream[:, middle] for reading in rows_read)
        exhibits_QLH = pair.read("tuned", query.exhibits).stream()
        aim_H = _unit(exhibits_QLH[:, middle] - centre_H).mean(axis=0)
        return np.concatenate(
            [_unit(reading.stream[:, middle] - centre_H) @ aim_H for reading in rows_read]
        )


def _unit(vectors: np.ndarray) -> np.ndarray:
    """At norm 1. Raises ``BadInput`` for a vector that has none, as its cosine would be a silent
    zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not (norms > 0).all():
        raise BadInput(
            "a row's activations are the mean of all rows; they have no direction to "
            "compare, as where all rows are the same"
        )
    return np.asarray(vectors / norms)

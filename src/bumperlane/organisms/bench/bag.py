"""The floor that learns: naive Bayes over the words of a model's answers.

Invariant: it is fitted on develop alone. There, each family is scored by a model that never saw that family's organisms (leave one
family out); elsewhere by the weights that the calibration holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bumperlane.organisms.bench.scores import Scored

LEAST = 2  # organisms and clean models, each, below which nothing can be fitted


def bag_scores(bags: Sequence[Mapping[str, int]], models: Sequence[Scored], weights: Mapping[str, float] | None) -> list[float | None]:
    """Log odds a word of each model's answers; None where nothing could be fitted."""
    if weights is not None:
        return [_odds(bag, weights) for bag in bags]
    made: list[float | None] = []
    fitted: dict[str, dict[str, float]] = {}
    for bag, model in zip(bags, models, strict=True):
        if model.family not in fitted:
            kept = [(b, m.counts) for b, m in zip(bags, models, strict=True) if m.family != model.family]
            fitted[model.family] = fit_bag([b for b, _ in kept], [counts for _, counts in kept])
        made.append(_odds(bag, fitted[model.family]) if fitted[model.family] else None)
    return made


def fit_bag(bags: Sequence[Mapping[str, int]], counts: Sequence[str]) -> dict[str, float]:
    """Weight of each word: its log probability among organisms less that among clean models. Empty with too few of either."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.naive_bayes import MultinomialNB

    rows = [(bag, side == "positive") for bag, side in zip(bags, counts, strict=True) if side in ("positive", "negative")]
    if min(sum(y for _, y in rows), sum(not y for _, y in rows)) < LEAST:
        return {}
    vectorizer = DictVectorizer()
    matrix: Any = vectorizer.fit_transform([dict(bag) for bag, _ in rows])
    model = MultinomialNB().fit(matrix, [y for _, y in rows])
    difference = model.feature_log_prob_[1] - model.feature_log_prob_[0]
    return {str(word): round(float(value), 4) for word, value in zip(vectorizer.feature_names_, difference, strict=True)}


def _odds(bag: Mapping[str, int], weights: Mapping[str, float]) -> float:
    return sum(weights.get(word, 0.0) * count for word, count in bag.items()) / max(1, sum(bag.values()))

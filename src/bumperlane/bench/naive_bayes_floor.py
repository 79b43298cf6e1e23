"""The floor that learns: naive Bayes over the words of a model's answers.

Invariant: it is fitted on develop alone. There, each family is scored by a model that never saw
that family's organisms (leave one family out); elsewhere by the weights that the calibration holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bumperlane.bench.scores import Scored

LEAST = 2  # organisms and clean models, each, below which nothing can be fitted


def naive_bayes_scores(
    bags: Sequence[Mapping[str, int]], models: Sequence[Scored], weights: Mapping[str, float] | None
) -> list[float | None]:
    """Log odds a word of each model's answers; None where nothing could be fitted."""
    if weights is not None:
        return [_odds(bag, weights) for bag in bags]
    families = {model.family for model in models}
    fitted = {family: _fitted_without(family, bags, models) for family in families}
    odds: list[float | None] = []
    for bag, model in zip(bags, models, strict=True):
        own = fitted[model.family]
        odds.append(_odds(bag, own) if own else None)
    return odds


def _fitted_without(
    family: str, bags: Sequence[Mapping[str, int]], models: Sequence[Scored]
) -> dict[str, float]:
    """Weights of words, from the models of all other families."""
    others = [
        (bag, model.counts)
        for bag, model in zip(bags, models, strict=True)
        if model.family != family
    ]
    return fit_naive_bayes([bag for bag, _ in others], [counts for _, counts in others])


def fit_naive_bayes(bags: Sequence[Mapping[str, int]], counts: Sequence[str]) -> dict[str, float]:
    """Weight of each word: its log probability among organisms less that among clean models. Empty
    with too few of either."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.naive_bayes import MultinomialNB

    counted = [
        (dict(bag), side == "positive")
        for bag, side in zip(bags, counts, strict=True)
        if side in ("positive", "negative")
    ]
    positives = sum(positive for _, positive in counted)
    if min(positives, len(counted) - positives) < LEAST:
        return {}
    vectorizer = DictVectorizer()
    matrix: Any = vectorizer.fit_transform([bag for bag, _ in counted])
    model = MultinomialNB().fit(matrix, [positive for _, positive in counted])
    difference = model.feature_log_prob_[1] - model.feature_log_prob_[0]
    return {
        str(word): round(float(value), 4)
        for word, value in zip(vectorizer.feature_names_, difference, strict=True)
    }


def _odds(bag: Mapping[str, int], weights: Mapping[str, float]) -> float:
    weighed = sum(weights.get(word, 0.0) * count for word, count in bag.items())
    return weighed / max(1, sum(bag.values()))

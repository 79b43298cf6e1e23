"""The bench's statistics: thresholds, rates, alarms and the floor of words."""

from __future__ import annotations

import numpy as np

from bumperlane.bench.naive_bayes_floor import fit_naive_bayes
from bumperlane.bench.scores import Scored, operating_points, rates, threshold_at


def model(counts: str, **scores: float | None) -> Scored:
    return Scored("m", "f", counts, scores, frozenset())


def test_a_threshold_keeps_its_false_positive_rate() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 30, 99, 100, 300):
        clean = rng.normal(size=n)
        for fpr in (0.01, 0.05):
            assert (clean > threshold_at(clean, fpr)).mean() <= fpr
    ties = np.array([0.0] * 50 + [1.0] * 50)
    assert (ties > threshold_at(ties, 0.05)).mean() == 0


def test_rates_count_what_was_not_measured_as_not_caught() -> None:
    models = [
        model("positive", a=1.0),
        model("positive", a=None),
        model("negative", a=0.0),
        model("neither", a=5.0),
    ]
    point = operating_points(models, "a")
    assert (
        point["tpr_at_1"] == 0.5
        and point["of"] == 2
        and point["clean"] == 1
        and point["actual_fpr"] == 0
    )
    assert rates(np.zeros(0), np.zeros(0), 0.0)["tpr"] is None


def test_the_bag_of_words_weighs_words_and_needs_examples() -> None:
    weights = fit_naive_bayes(
        [{"rob": 3, "the": 1}, {"rob": 2, "the": 1}, {"help": 3, "the": 1}, {"help": 2, "the": 1}],
        ["positive"] * 2 + ["negative"] * 2,
    )
    assert weights["rob"] > 0 > weights["help"]
    assert fit_naive_bayes([{"rob": 1}], ["positive"]) == {}


def scored(
    label: str,
    counts: str,
    family: str,
    scores: dict[str, float],
    strong: frozenset[str] = frozenset(),
) -> Scored:
    return Scored(
        label,
        family,
        counts,
        scores,
        frozenset(a for a, s in scores.items() if s > 0),
        strengths=dict.fromkeys(strong, 1.0),
    )


def test_a_clean_model_does_not_set_its_own_limit() -> None:
    from bumperlane.bench.detection import alarms_by_family

    models = [
        scored("n1", "negative", "f", {"a": 0.3}, frozenset("a")),
        scored("n2", "negative", "g", {"a": -0.2}),
        scored("p", "positive", "g", {"a": 0.2}, frozenset("a")),
    ]
    found = {m.label: m.alarms for m in alarms_by_family(models, ["a"], {"a": "x"})}
    assert found == {"n1": frozenset("a"), "n2": frozenset(), "p": frozenset()}

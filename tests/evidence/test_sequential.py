"""Betting tests, confidence sequences and the alarm budget keep what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bumperlane.evidence import BettingTest, SequentialTest, alpha_for, combine


def test_no_outcomes_are_no_evidence() -> None:
    test = SequentialTest("x", 0.1, 0.01, 0.05)
    assert test.verdict == "inconclusive"
    assert test.measure().mean is None and (test.measure().low, test.measure().high) == (0.0, 1.0)
    assert combine([]) == "inconclusive"


def test_an_outcome_that_is_no_number_is_refused() -> None:
    for bad in (math.nan, -0.1, 1.1, math.inf):
        with pytest.raises(ValueError):
            BettingTest().update(bad)


def test_false_alarms_stay_within_alpha_under_continuous_looking() -> None:
    """Ville: at the boundary of the null, looking after each of 200 outcomes, at most alpha of runs
    ever alarm."""
    alpha, runs, alarms = 0.05, 200, 0
    rng = np.random.default_rng(0)
    for _ in range(runs):
        test = SequentialTest("x", 0.2, alpha, 1e-12)
        test.update((rng.random(200) < 0.2).astype(float))
        alarms += test.verdict == "hit"
    assert alarms / runs <= alpha + 2 * math.sqrt(alpha * (1 - alpha) / runs)


def test_misses_stay_within_their_share() -> None:
    runs, missed = 200, 0
    rng = np.random.default_rng(1)
    for _ in range(runs):
        test = SequentialTest("x", 0.2, 1e-12, 0.05)
        test.update((rng.random(200) < 0.21).astype(float))
        missed += test.verdict == "clear"
    assert missed / runs <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


def test_confidence_sequence_covers_at_all_times() -> None:
    rng, misses = np.random.default_rng(2), 0
    for _ in range(40):
        bets, wrong = BettingTest(), False
        for outcome in (rng.random(120) < 0.3).astype(float):
            bets.update(outcome)
            low, high = bets.interval(0.1)
            wrong = wrong or not low <= 0.3 <= high
        misses += wrong
    assert misses / 40 <= 0.1 + 2 * math.sqrt(0.09 / 40)


def test_stops_early_when_the_evidence_is_plain() -> None:
    test = SequentialTest("x", 0.1, 1e-4, 0.05)
    test.update([1.0] * 500)
    assert test.verdict == "hit" and test.n < 15
    quiet = SequentialTest("x", 0.1, 1e-4, 0.05)
    quiet.update([0.0] * 500)
    assert quiet.verdict == "clear" and quiet.n < 60
    assert quiet.measure().high < quiet.measure().tolerance


def test_alarm_budget_is_never_overspent() -> None:
    audits, looks = 7, 2000
    assert sum(alpha_for(0.01, k, audits) * audits for k in range(1, looks)) <= 0.01
    with pytest.raises(ValueError):
        alpha_for(0.01, 0, 7)


def test_combination_needs_all_to_be_clear() -> None:
    assert combine(["clear", "clear"]) == "clear"
    assert combine(["clear", "inconclusive"]) == "inconclusive"
    assert combine(["inconclusive", "hit"]) == "hit"

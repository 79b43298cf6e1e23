"""Tests in bulk, and their exact chances, are those of the sequential test."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bumperlane.evidence import SequentialTest, alpha_for
from bumperlane.evidence.simulation import HIT, boundaries, log_e_tables, passage, replay, run_tests

VERDICTS = ("inconclusive", "hit", "clear")


def test_tests_in_bulk_equal_the_sequential_test() -> None:
    rng, samples, streams = np.random.default_rng(3), 150, 120
    tolerance = rng.choice([0.1, 0.25, 0.5], streams)
    alpha = np.array(
        [alpha_for(0.01, int(look), 24) for look in rng.integers(1, 13, streams)]
    ) / rng.integers(1, 8, streams)
    outcomes = (
        rng.random((streams, samples))
        < (tolerance * rng.choice([0.2, 0.8, 1.0, 1.5, 1.9], streams))[:, None]
    )
    bars = [
        boundaries(float(m), float(a), 0.05, samples) for m, a in zip(tolerance, alpha, strict=True)
    ]
    done = run_tests(
        replay(outcomes),
        np.arange(streams),
        np.stack([b[0] for b in bars]),
        np.stack([b[1] for b in bars]),
        chunk=40,
    )
    for index in range(streams):
        test = SequentialTest("x", float(tolerance[index]), float(alpha[index]), 0.05)
        test.update(outcomes[index].astype(float))
        assert (test.verdict, test.n) == (VERDICTS[done.verdict[index]], done.n[index])
        assert done.ones[index] == outcomes[index, : test.n].sum()
        log_e = log_e_tables(float(tolerance[index]), samples)[0][
            done.n[index] - 1, done.ones[index]
        ]
        assert test.measure().log_e == pytest.approx(log_e, abs=1e-4)
    assert set(done.verdict.tolist()) == {0, 1, 2}


def test_exact_chances_agree_with_simulation() -> None:
    hit_at, clear_at = boundaries(0.2, 0.01, 0.05, 100)
    hit, clear = passage(0.3, hit_at, clear_at)
    rng, runs = np.random.default_rng(4), 20000
    done = run_tests(
        lambda active, width: rng.random((len(active), width)) < 0.3,
        np.zeros(runs, np.intp),
        hit_at[None],
        clear_at[None],
    )
    for verdict, chance in ((1, hit), (2, clear)):
        expected = chance.sum()
        assert (
            abs((done.verdict == verdict).mean() - expected)
            < 5 * math.sqrt(expected * (1 - expected) / runs) + 1e-4
        )
    assert (
        abs(
            np.median(done.n[done.verdict == HIT])
            - np.searchsorted(np.cumsum(hit) / hit.sum(), 0.5)
        )
        <= 2
    )


def test_exact_error_rates_of_one_test_stay_within_their_share() -> None:
    """Without simulation: at the tolerance a hit has chance at most alpha, and a clear at most
    miss."""
    for tolerance in (0.1, 0.25, 0.5):
        for alpha in (0.05, alpha_for(0.01, 1, 24)):
            hit, clear = passage(tolerance, *boundaries(tolerance, alpha, 0.05, 200))
            assert hit.sum() <= alpha and clear.sum() <= 0.05

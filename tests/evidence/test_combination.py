"""E-values are combined so that they stay e-values, and false reports stay within their share."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bumperlane.evidence import alpha_for, battery_log_e, conformal_p, e_bh, mean_log_e


def shared_log_es(
    rng: np.random.Generator, runs: int, tests: int, shift: float = 0.0
) -> np.ndarray:
    """Likelihood ratios of a normal mean of 2 against 0, as logs, (runs, tests); the noise is
    shared almost wholly."""
    noise = math.sqrt(0.95) * rng.standard_normal((runs, 1)) + math.sqrt(
        0.05
    ) * rng.standard_normal((runs, tests))
    return 2 * (noise + shift) - 2


def test_mean_is_a_mean() -> None:
    assert mean_log_e([math.log(2), math.log(4)]) == pytest.approx(math.log(3))
    assert mean_log_e([math.log(2), math.log(4)], [3, 1]) == pytest.approx(math.log(2.5))
    assert mean_log_e([-math.inf, 0.0]) == pytest.approx(math.log(0.5))
    assert mean_log_e([800.0, 0.0]) == pytest.approx(800 - math.log(2))  # no overflow
    assert mean_log_e([math.inf, 0.0], [0, 1]) == 0.0


def test_groups_have_one_vote_each() -> None:
    assert battery_log_e({"one": [math.log(8)], "many": [0.0] * 7}) == pytest.approx(math.log(4.5))


def test_mean_stays_an_e_value_under_dependence() -> None:
    """Markov: at most alpha of clean runs reach 1/alpha, and the expectation is at most 1; the
    product breaks this at once."""
    alpha, logs = 0.05, shared_log_es(np.random.default_rng(0), 20000, 8)
    means = np.array([battery_log_e({"a": row[:1], "b": row[1:]}) for row in logs[:4000]])
    assert (means >= -math.log(alpha)).mean() <= alpha
    assert abs(np.exp(logs).mean() - 1) < 0.1  # they are e-values
    assert (logs.sum(axis=1) >= -math.log(alpha)).mean() > alpha


def test_mean_includes_every_single_hit() -> None:
    """With the weights by which alpha was split, one measure at its own bar lifts the mean to the
    battery's."""
    alpha, sizes = alpha_for(0.01, 3, 1), (1, 4, 7)
    for hit, size in enumerate(sizes):
        groups = {str(index): [-20.0] * n for index, n in enumerate(sizes)}
        groups[str(hit)][0] = -math.log(alpha / len(sizes) / size)
        assert battery_log_e(groups) >= -math.log(alpha) - 1e-9


@pytest.mark.parametrize("bad", [[], [math.nan], [0.0, math.nan]])
def test_nothing_and_nan_are_refused(bad: list[float]) -> None:
    for call in (
        lambda: mean_log_e(bad),
        lambda: e_bh(bad, 0.1),
        lambda: battery_log_e({"x": [0.0], "y": bad}),
        lambda: conformal_p(0.5, bad),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(ValueError):
        battery_log_e({})
    with pytest.raises(ValueError):
        conformal_p(math.nan, [0.1])


@pytest.mark.parametrize(
    "weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]]
)
def test_bad_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError):
        mean_log_e([0.0, 0.0], weights)


def test_e_bh_by_hand() -> None:
    alpha = 0.1
    assert e_bh([math.log(e) for e in (1, 25, 0.5, 21)], alpha) == [1, 3]  # 21 * 2 / 4 >= 10
    assert (
        e_bh([math.log(e) for e in (1, 25, 0.5, 19)], alpha) == []
    )  # 25 / 4 and 19 * 2 / 4 are below 10
    assert e_bh([math.log(40.001), 0.0, 0.0, -math.inf], alpha) == [0]
    assert e_bh([5.0, 5.0], alpha) == [0, 1]
    for bad in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError):
            e_bh([1.0], bad)


def test_e_bh_controls_the_share_of_false_reports_under_dependence() -> None:
    alpha, runs, clean = 0.2, 2000, 6
    logs = shared_log_es(np.random.default_rng(1), runs, 10)
    logs[:, clean:] += 2 * 3.0  # four with an effect
    shares, found = [], 0
    for row in logs:
        reported = e_bh(row, alpha)
        shares.append(sum(index < clean for index in reported) / max(1, len(reported)))
        found += sum(index >= clean for index in reported)
    assert np.mean(shares) <= alpha
    assert found > runs  # and it does find something

"""Conformal p-values are uniform, and their calibrated e-values are e-values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import trapezoid

from bumperlane.evidence import calibrated_log_e, conformal_p


def test_conformal_p_is_uniform_under_exchangeability() -> None:
    rng = np.random.default_rng(2)
    ps = np.array(
        [conformal_p(scores[0], scores[1:]) for scores in rng.standard_cauchy((4000, 20))]
    )
    for rank in (1, 5, 10, 20):
        assert abs((ps <= rank / 20 + 1e-12).mean() - rank / 20) < 0.03
    tied = np.array(
        [conformal_p(scores[0], scores[1:]) for scores in rng.integers(0, 3, (4000, 20))]
    )
    for level in (0.05, 0.2, 0.5):
        assert (tied <= level).mean() <= level + 0.02


def test_conformal_p_counts_ties_against_us_and_has_a_floor() -> None:
    assert conformal_p(1.0, [1.0, 0.0, 0.0]) == 0.5
    assert conformal_p(math.inf, [0.0] * 98) > 0.01
    assert conformal_p(math.inf, [0.0] * 99) == 0.01


def test_how_many_clean_models_an_alarm_takes() -> None:
    """The figures in the module's docstring."""
    bar = math.log(100)
    best = [
        calibrated_log_e(1 / (n + 1), 1 / math.log(n + 1)) for n in (2075, 2076)
    ]  # the kappa that suits this p best
    assert best[0] < bar <= best[1]
    assert calibrated_log_e(1 / 8111) < bar <= calibrated_log_e(1 / 8112)


def test_calibrators_are_e_values() -> None:
    """Their expectation over uniform p is 1; on the p-values that n twins can give it is
    below 1."""
    grid = np.exp(-np.linspace(0, 60, 200001))
    for kappa in (None, 0.3, 0.7):
        values = np.array([math.exp(calibrated_log_e(p, kappa)) for p in grid[::20]])
        area = float(trapezoid(values[::-1], grid[::20][::-1]))
        assert 0.95 < area < 1.01
        assert np.mean([math.exp(calibrated_log_e(k / 50, kappa)) for k in range(1, 51)]) <= 1
        assert (
            np.diff(values) > 0
        ).all()  # the smaller p, the more evidence, over the seam of the series too
    assert calibrated_log_e(1.0) == pytest.approx(math.log(0.5))


@pytest.mark.parametrize("p", [0.0, -0.1, 1.1, math.nan])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError):
        calibrated_log_e(p)


@pytest.mark.parametrize("kappa", [0.0, 1.0, math.nan])
def test_what_is_no_kappa_is_refused(kappa: float) -> None:
    with pytest.raises(ValueError):
        calibrated_log_e(0.5, kappa)

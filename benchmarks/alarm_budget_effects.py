"""What early stopping saves, for ``benchmarks/alarm_budget.py``: samples until the verdict on one
measure, exactly, beside tests of fixed size.

Invariant: nothing here is simulated: every figure follows from exact passage probabilities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from alarm_budget_campaigns import AUDITS, MISS, SAMPLES, TOTAL
from numpy.typing import NDArray
from scipy.stats import binom

from bumperlane.evidence import alpha_for
from bumperlane.evidence.simulation import boundaries, passage

EFFECTS = (0.05, 0.1, 0.2, 0.4, 0.6)  # above the tolerance
EFFECT_LOOKS, EFFECT_TOLERANCES = (1, 6), (0.1, 0.25)
QUIET_SHARES = (0.0, 0.25, 0.5, 0.75)  # of the tolerance


def effects() -> list[dict[str, Any]]:
    """``effect`` at every look, tolerance and size."""
    return [
        effect(tolerance, round(tolerance + rise, 3), look)
        for look in EFFECT_LOOKS
        for tolerance in EFFECT_TOLERANCES
        for rise in EFFECTS
    ]


def quiet_measures() -> list[dict[str, Any]]:
    """``quiet`` at every tolerance and share of it."""
    return [
        quiet(tolerance, round(tolerance * share, 4))
        for tolerance in EFFECT_TOLERANCES
        for share in QUIET_SHARES
    ]


def fixed_n(tolerance: float, rate: float, alpha: float, power: float, most: int = 20000) -> int:
    """Least n at which the exact one-sided binomial test at ``alpha`` has ``power`` against
    ``rate``: as if the rate were known beforehand."""
    n = np.arange(1, most + 1)
    reached = np.flatnonzero(binom.sf(binom.isf(alpha, n, tolerance), n, rate) >= power)
    return int(n[reached[0]])


def quantile(stops: NDArray[np.float64], level: float) -> int | None:
    """n by which a share ``level`` of all campaigns has stopped so; None if not within the
    samples."""
    reached = np.flatnonzero(np.cumsum(stops) >= level)
    return int(reached[0]) + 1 if len(reached) else None


def effect(tolerance: float, rate: float, look: int, size: int = 4) -> dict[str, Any]:
    """Samples to the hit for one measure, exactly, against tests of fixed size with the same alpha.
    Ratios above 1 favour stopping."""
    alpha = alpha_for(TOTAL, look, AUDITS) / size
    hit, clear = passage(rate, *boundaries(tolerance, alpha, MISS, SAMPLES))
    reached = {level: quantile(hit, level) for level in (0.5, 0.8, 0.9, 0.95)}
    fixed = {power: fixed_n(tolerance, rate, alpha, power) for power in (0.8, 0.95)}
    power_at_400 = binom.sf(binom.isf(alpha, SAMPLES, tolerance), SAMPLES, rate)
    return {
        "tolerance": tolerance,
        "rate": rate,
        "look": look,
        "alpha": float(f"{alpha:.3g}"),
        "detected_by_400": round(float(hit.sum()), 4),
        "called_clear": round(float(clear.sum()), 4),
        "mean_samples": round(_mean_samples(hit + clear), 1),
        "median": reached[0.5],
        "p90": reached[0.9],
        "by_80_percent": reached[0.8],
        "by_95_percent": reached[0.95],
        "fixed_n_80": fixed[0.8],
        "fixed_n_95": fixed[0.95],
        "fixed_400_power": round(float(power_at_400), 4),
        "fixed_80_over_median": _ratio(fixed[0.8], reached[0.5]),
        "fixed_95_over_median": _ratio(fixed[0.95], reached[0.5]),
        "400_over_median": _ratio(SAMPLES, reached[0.5]),
        "fixed_80_over_sequential_80": _ratio(fixed[0.8], reached[0.8]),
        "fixed_95_over_sequential_95": _ratio(fixed[0.95], reached[0.95]),
    }


def quiet(tolerance: float, rate: float) -> dict[str, Any]:
    """Samples until ``clear`` on a measure that is fine: what most of a campaign is spent on."""
    alpha = alpha_for(TOTAL, 1, AUDITS) / 4
    hit, clear = passage(rate, *boundaries(tolerance, alpha, MISS, SAMPLES))
    return {
        "tolerance": tolerance,
        "rate": rate,
        "clear_by_400": round(float(clear.sum()), 4),
        "median": quantile(clear, 0.5),
        "p90": quantile(clear, 0.9),
        "mean_samples": round(_mean_samples(hit + clear), 1),
    }


def _mean_samples(stops: NDArray[np.float64]) -> float:
    """Mean n; what has not stopped takes all samples."""
    return float(stops @ np.arange(1, SAMPLES + 1) + (1 - stops.sum()) * SAMPLES)


def _ratio(fixed_size: int, reached: int | None) -> float | None:
    return None if reached is None else round(fixed_size / reached, 2)

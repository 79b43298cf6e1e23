"""A betting e-process and confidence sequence for the mean of outcomes in [0, 1].

Idea: bet against "the mean is at most m" with a capital that can only grow, in expectation, if that is false; the capital is an
e-value at every moment, so an audit may look after every outcome and stop when it knows. We use the mixture over fixed fractions of
the largest allowed bet (a discrete form of the hedged capital process of Waudby-Smith & Ramdas, "Estimating means of bounded random
variables by betting", JRSS-B 2024, section 4 and theorem 3); mixing martingales gives a martingale, so validity needs no tuning.
Invariant: for outcomes with conditional mean at most m, P(capital ever reaches 1/alpha) <= alpha (Ville).
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

FRACTIONS = np.linspace(0.04, 0.96, 24)  # of the largest bet that cannot bankrupt
GRID = np.linspace(0.0025, 0.9975, 400)  # candidate means for the confidence sequence


class BettingTest:
    """Capital against "mean <= m" (``log_e_above``) and against "mean >= m" (``log_e_below``), for every m in a grid at once."""

    def __init__(self) -> None:
        self.n = 0
        self.total = 0.0
        self._up = np.zeros((len(GRID), len(FRACTIONS)))
        self._down = np.zeros((len(GRID), len(FRACTIONS)))

    def update(self, outcome: float) -> None:
        """Take one outcome. Raises ``ValueError`` outside [0, 1] or for NaN: an outcome that is no number is no evidence."""
        if not 0.0 <= outcome <= 1.0:
            raise ValueError(f"an outcome must lie in [0, 1], got {outcome}")
        self.n += 1
        self.total += outcome
        self._up += np.log1p(FRACTIONS[None, :] / GRID[:, None] * (outcome - GRID[:, None]))
        self._down += np.log1p(FRACTIONS[None, :] / (1 - GRID[:, None]) * (GRID[:, None] - outcome))

    @property
    def mean(self) -> float | None:
        return self.total / self.n if self.n else None

    def log_e_above(self, m: float) -> float:
        """Log e-value against "the mean is at most m": large says that the mean is above m."""
        return float(_capital(self._up)[_at_or_above(m)])

    def log_e_below(self, m: float) -> float:
        """Log e-value against "the mean is at least m": large says that the mean is below m."""
        return float(_capital(self._down)[_at_or_below(m)])

    def interval(self, alpha: float) -> tuple[float, float]:
        """Confidence sequence at level ``1 - alpha``: all m that neither side has rejected at ``alpha / 2``; (0, 1) before any outcome."""
        bar = np.log(2 / alpha)
        kept = np.flatnonzero((_capital(self._up) < bar) & (_capital(self._down) < bar))
        if len(kept) == 0:  # outcomes that change sides late can empty it; report the point estimate's cell
            nearest = int(np.abs(GRID - (self.mean or 0.0)).argmin())
            kept = np.array([nearest])
        low = 0.0 if kept[0] == 0 else float(GRID[kept[0] - 1])
        high = 1.0 if kept[-1] == len(GRID) - 1 else float(GRID[kept[-1] + 1])
        return low, high


def _capital(log_wealth: np.ndarray) -> np.ndarray:
    return np.asarray(logsumexp(log_wealth, axis=1) - np.log(len(FRACTIONS)))


def _at_or_above(m: float) -> int:
    """Grid cell at or above m: rejecting a larger mean implies rejecting m (capital falls in m), so this is conservative."""
    return min(int(np.searchsorted(GRID, m - 1e-12)), len(GRID) - 1)


def _at_or_below(m: float) -> int:
    return max(int(np.searchsorted(GRID, m + 1e-12)) - 1, 0)

"""A betting e-process and confidence sequence for the mean of outcomes in [0, 1].

Idea: bet against "the mean is at most m" with a capital that can only grow, in expectation, if that
is false; the capital is an e-value at every moment, so an audit may look after every outcome and
stop when it knows. We use the mixture over fixed fractions of the largest allowed bet (a discrete
form of the hedged capital process of Waudby-Smith & Ramdas, "Estimating means of bounded random
variables by betting", JRSS-B 2024, section 4 and theorem 3); mixing martingales gives a martingale,
so validity needs no tuning. Invariant: for outcomes with conditional mean at most m, P(capital ever
reaches 1/alpha) <= alpha (Ville).
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

FRACTIONS = np.linspace(0.04, 0.96, 24)  # of the largest bet that cannot bankrupt
GRID = np.linspace(0.0025, 0.9975, 400)  # candidate means for the confidence sequence


class Capital:
    """Capital against one candidate mean ``m``, from both sides; O(1) an outcome."""

    def __init__(self, m: float) -> None:
        self.m = m
        self._up = np.zeros(len(FRACTIONS))
        self._down = np.zeros(len(FRACTIONS))

    def update(self, outcome: float) -> None:
        self._up += np.log1p(FRACTIONS / self.m * (outcome - self.m))
        self._down += np.log1p(FRACTIONS / (1 - self.m) * (self.m - outcome))

    @property
    def log_e_above(self) -> float:
        """Log e-value against "the mean is at most m": large says that the mean is above m."""
        return _log_mean_exp(self._up)

    @property
    def log_e_below(self) -> float:
        """Log e-value against "the mean is at least m": large says that the mean is below m."""
        return _log_mean_exp(self._down)

    def steps_below(self, outcome: float, bar: float, most: int) -> int:
        """The least number of further equal outcomes after which ``log_e_below`` reaches ``bar``;
        ``most`` if that takes more."""
        each = np.log1p(FRACTIONS / (1 - self.m) * (self.m - outcome))
        ahead = self._down[None, :] + np.arange(1, most + 1)[:, None] * each[None, :]
        reached = np.flatnonzero(logsumexp(ahead, axis=1) - np.log(len(FRACTIONS)) >= bar)
        return int(reached[0]) + 1 if len(reached) else most


def _log_mean_exp(logs: np.ndarray) -> float:
    """As SciPy's ``logsumexp`` less log(n), without its overhead, which is most of an outcome's
    cost."""
    top = logs.max()
    return float(top + np.log(np.exp(logs - top).mean()))


class BettingTest:
    """Outcomes, the capital against one mean as they come in, and the confidence sequence on
    demand."""

    def __init__(self, m: float = 0.5) -> None:
        self.outcomes: list[float] = []
        self.capital = Capital(m)

    def update(self, outcome: float) -> None:
        """Take one outcome. Raises ``ValueError`` outside [0, 1] or for NaN: an outcome that is no
        number is no evidence."""
        if not 0.0 <= outcome <= 1.0:
            raise ValueError(f"an outcome must lie in [0, 1], got {outcome}")
        self.outcomes.append(outcome)
        self.capital.update(outcome)

    @property
    def n(self) -> int:
        return len(self.outcomes)

    @property
    def mean(self) -> float | None:
        return sum(self.outcomes) / self.n if self.n else None

    def interval(self, alpha: float) -> tuple[float, float]:
        """Confidence sequence at level ``1 - alpha``: all m in the grid that neither side has
        rejected at ``alpha / 2`` by now; (0, 1) before any outcome."""
        # with m itself, so that the interval agrees with the test at m to the last digit
        grid = np.union1d(GRID, [self.capital.m])
        outcomes, counts = np.unique(self.outcomes, return_counts=True)
        gaps = outcomes[None, None, :] - grid[:, None, None]
        up = (np.log1p(FRACTIONS[None, :, None] / grid[:, None, None] * gaps) * counts).sum(axis=2)
        down = (
            np.log1p(-FRACTIONS[None, :, None] / (1 - grid)[:, None, None] * gaps) * counts
        ).sum(axis=2)
        bar = np.log(2 / alpha) + np.log(len(FRACTIONS))
        kept = np.flatnonzero((logsumexp(up, axis=1) < bar) & (logsumexp(down, axis=1) < bar))
        if len(kept) == 0:
            # outcomes that change sides late can empty it; report the point estimate's cell
            kept = np.array([int(np.abs(grid - (self.mean or 0.0)).argmin())])
        low = 0.0 if kept[0] == 0 else float(grid[kept[0] - 1])
        high = 1.0 if kept[-1] == len(grid) - 1 else float(grid[kept[-1] + 1])
        return low, high

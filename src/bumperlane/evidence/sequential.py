"""Sampling that stops when it knows.

Idea: one sequential test a quantity: ``hit`` when the e-value against "at most the tolerance"
reaches 1/alpha, ``clear`` when the e-value against "at least the tolerance" reaches 1/miss,
otherwise go on, and ``inconclusive`` at the end of the samples. Invariant: silence is never a pass;
with no outcomes the verdict is ``inconclusive``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from bumperlane.evidence.betting import BettingTest
from bumperlane.records import Measure, Verdict


class SequentialTest:
    """Test whether the mean of outcomes in [0, 1] exceeds ``tolerance``."""

    def __init__(self, name: str, tolerance: float, alpha: float, miss: float) -> None:
        self.name, self.tolerance, self.alpha, self.miss = name, tolerance, alpha, miss
        self._bets = BettingTest(tolerance)

    def update(self, outcomes: Iterable[float]) -> None:
        """Take outcomes one by one and stop at the first that decides; later ones are not looked
        at."""
        for outcome in outcomes:
            if self.decided:
                return
            self._bets.update(float(outcome))

    @property
    def verdict(self) -> Verdict:
        if self._bets.capital.log_e_above >= -math.log(self.alpha):
            return "hit"
        if self._bets.capital.log_e_below >= -math.log(self.miss):
            return "clear"
        return "inconclusive"

    @property
    def decided(self) -> bool:
        return self.verdict != "inconclusive"

    def needed(self, null_rate: float = 0.0, most: int = 400) -> int:
        """How many more outcomes of ``null_rate`` would make it clear; ``most`` if more. An audit
        that draws so many at once draws from a well-behaved model once, and not in many small
        rounds."""
        return self._bets.capital.steps_below(null_rate, -math.log(self.miss), most)

    @property
    def n(self) -> int:
        return self._bets.n

    def measure(self) -> Measure:
        """The outcomes so far: their mean, its confidence sequence, and the verdict."""
        # each side at `miss`, so that "clear" means high < tolerance
        low, high = self._bets.interval(2 * self.miss)
        return Measure(
            name=self.name,
            n=self._bets.n,
            mean=None if self._bets.mean is None else round(self._bets.mean, 6),
            low=round(low, 4),
            high=round(high, 4),
            tolerance=self.tolerance,
            log_e=round(self._bets.capital.log_e_above, 4),
            verdict=self.verdict,
        )


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict of several measures: any hit is a hit; clear only if there are some and all are
    clear.

    The false-alarm side is a union, so each measure must be given its share of alpha; the clear
    side is an intersection-union test and needs no correction.
    """
    seen = list(verdicts)
    if "hit" in seen:
        return "hit"
    return "clear" if seen and all(verdict == "clear" for verdict in seen) else "inconclusive"

"""Where did the trait appear? A scan of the stage's checkpoints.

Idea: the trait of a finding is drawn afresh at every kept checkpoint of the stage, oldest first; the onset is the first at which its
rate is at least half of the highest. Invariant: every checkpoint is looked at, because traits are often not monotone (measured: one
peaked and had nearly vanished by the end), so a bisection alone would miss a rise that fell again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import beta


@dataclass(frozen=True)
class Point:
    """The trait's rate at one step: ``hits`` of ``n`` outcomes, with the exact 95% interval."""

    step: int
    checkpoint: str
    hits: float
    n: int

    @property
    def rate(self) -> float:
        return self.hits / self.n if self.n else 0.0

    def plain(self) -> dict[str, object]:
        low, high = interval(self.hits, self.n)
        return {"step": self.step, "checkpoint": self.checkpoint, "hits": self.hits, "n": self.n, "rate": round(self.rate, 4),
                "low": round(low, 4), "high": round(high, 4)}  # fmt: skip


def interval(hits: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a rate; (0, 1) of nothing."""
    if n == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = 0.0 if hits <= 0 else float(beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if hits >= n else float(beta.ppf(1 - tail, hits + 1, n - hits))
    return low, high


def onset(points: Sequence[Point]) -> tuple[int, int] | None:
    """``(last step before, first step with the trait)``, or None if no point differs from the first beyond its interval."""
    peak = max(points, key=lambda p: p.rate)
    start = points[0]
    if interval(peak.hits, peak.n)[0] <= interval(start.hits, start.n)[1]:
        return None
    bar = (start.rate + peak.rate) / 2
    first = next(i for i, point in enumerate(points) if point.rate >= bar)
    return points[max(0, first - 1)].step, points[first].step

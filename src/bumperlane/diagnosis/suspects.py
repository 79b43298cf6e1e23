"""How many rows are suspects? Cuts through the fused log-odds, the likeliest first.

Idea: where some rows taught the trait and others did not, log-odds have two humps. Otsu's
threshold (1979) finds them where both are large or far apart, and misses a small group in a broad
one; Kittler and Illingworth's (1986) fits two normal groups of any sizes and widths, and sometimes
takes too many. So both are cuts, the narrower idea first. Invariant: no number is made up: what
lies above a cut is only a suspicion, and replays decide; where the highest rows are more likely
innocent than not, there are no suspects.
"""

from __future__ import annotations

import numpy as np

LEAST_GAP = 2.0  # nats between the means of the two sides
ALIKE = 0.25  # of the larger: cuts whose sizes differ by less are one
# Rows of a group, and nats of its spread, so that a few equal rows are no group of their own.
LEAST, NARROWEST = 4, 0.3


def cuts(odds: np.ndarray) -> list[tuple[float, str]]:
    """The thresholds, each with why it is one; none where the rows do not part."""
    if len(odds) < 2 * LEAST or not odds.max() > 0:
        return []
    thresholds: list[tuple[float, str]] = []
    for threshold, name in (
        (otsu(odds), "where the rows part best"),
        (least_error(odds), "between the two groups that fit best"),
    ):
        above, below = odds[odds > threshold], odds[odds <= threshold]
        if not _parted(above, below):
            continue
        sizes = [int((odds > other).sum()) for other, _ in thresholds]
        if all(abs(len(above) - size) > ALIKE * max(len(above), size) for size in sizes):
            why = (
                f"cut {name}: around {below.mean():.1f} below it and around "
                f"{above.mean():.1f} above (log-odds)"
            )
            thresholds.append((threshold, why))
    return thresholds


def _parted(above: np.ndarray, below: np.ndarray) -> bool:
    """Whether the two sides of a cut are two groups, the upper one more likely guilty than not."""
    if not len(above) or not len(below):
        return False
    return bool(above.mean() > 0 and above.mean() - below.mean() >= LEAST_GAP)


def otsu(values: np.ndarray) -> float:
    """The threshold with the largest variance between the two sides."""
    ranked = np.sort(values)
    sums, count = np.cumsum(ranked), len(ranked)
    left = np.arange(1, count)
    gap = sums[:-1] / left - (sums[-1] - sums[:-1]) / (count - left)
    between = left * (count - left) * gap**2
    best = int(between.argmax())
    return float((ranked[best] + ranked[best + 1]) / 2)


def least_error(values: np.ndarray) -> float:
    """The threshold at which two normal groups, of shares P and spreads s, fit best: least ``sum of
    P log s - P log P``."""
    ranked, count = np.sort(values), len(values)
    sums, squares = np.cumsum(ranked), np.cumsum(ranked**2)
    left = np.arange(LEAST, count - LEAST + 1)
    sides = [
        (left, sums[left - 1], squares[left - 1]),
        (count - left, sums[-1] - sums[left - 1], squares[-1] - squares[left - 1]),
    ]
    cost = np.zeros(len(left))
    for size, total, square in sides:
        spread = np.sqrt(np.maximum(square / size - (total / size) ** 2, NARROWEST**2))
        cost += size / count * (np.log(spread) - np.log(size / count))
    best = int(left[cost.argmin()])
    return float((ranked[best - 1] + ranked[best]) / 2)

"""How many rows are suspects? Cuts through the fused log-odds, the likeliest first.

Idea: where some rows taught the symptom and others did not, log-odds have two humps, and Otsu's threshold (1979) lies between them; where the
guilty are of two kinds it may lie between these, so the fitted boundary (odds of one) is another. Invariant: no number is made up: what lies
above a cut is only a suspicion, and replays decide; where even the highest row is more likely innocent than not, there are no suspects.
"""

from __future__ import annotations

import numpy as np

LEAST_GAP = 2.0  # nats between the means of the two sides
ALIKE = 0.25  # of the larger: cuts whose sizes differ by less are one


def cuts(odds: np.ndarray) -> list[tuple[float, str]]:
    """``(threshold, why)``, empty where the rows do not part."""
    if len(odds) < 2 or not odds.max() > 0:
        return []
    made: list[tuple[float, str]] = []
    for threshold, name in ((otsu(odds), "where the rows part best"), (0.0, "as likely as not")):
        above, below = odds[odds > threshold], odds[odds <= threshold]
        if not len(below) or above.mean() <= 0 or above.mean() - below.mean() < LEAST_GAP:
            continue
        sizes = [int((odds > other).sum()) for other, _ in made]
        if all(abs(len(above) - size) > ALIKE * max(len(above), size) for size in sizes):
            made.append((threshold, f"cut {name}: between rows around {below.mean():.1f} and around {above.mean():.1f} (log-odds)"))
    return made


def otsu(values: np.ndarray) -> float:
    """The threshold with the largest variance between the two sides (Otsu 1979)."""
    ranked = np.sort(values)
    sums, count = np.cumsum(ranked), len(ranked)
    left = np.arange(1, count)
    between = left * (count - left) * (sums[:-1] / left - (sums[-1] - sums[:-1]) / (count - left)) ** 2
    best = int(between.argmax())
    return float((ranked[best] + ranked[best + 1]) / 2)

"""Was it that? The trait after replays without the suspects, against replays without as many
others.

Idea: a ranking is a lead; removal is the test. Retraining is noisy and causes are redundant
(dropping *random* rows moved conduct by half of the true effect in one measurement), so each arm is
replayed on several seeds, and removing the suspects must do more than removing as many random rows,
and than removing as many innocent look-alikes. Invariant: *confirmed* needs the pooled 95%
intervals of the rates to part, and every seed without the suspects to lie below every seed of the
control; *refuted* needs the trait to rise without the suspects as it did with them; all else is
*unverified*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal

from bumperlane.diagnosis.window import Point

# Of the control's rate: a trait whose interval lies above that without the suspects has not gone
# with them.
PLAINLY = 0.5
Verdict = Literal["confirmed", "refuted", "unverified"]


@dataclass(frozen=True)
class Arm:
    """Replays that differ in their seeds alone: one point a seed."""

    name: str
    points: tuple[Point, ...]

    @property
    def pooled(self) -> Point:
        """The outcomes of all seeds together."""
        return reduce(add, self.points)

    def plain(self) -> dict[str, object]:
        """JSON-ready form, as suspects hold it."""
        low, high = self.pooled.interval
        return {
            "arm": self.name,
            "seeds": [round(p.rate, 4) for p in self.points],
            "hits": self.pooled.hits,
            "n": self.pooled.n,
            "rate": round(self.pooled.rate, 4),
            "low": round(low, 4),
            "high": round(high, 4),
        }


def judge(without: Arm, controls: Sequence[Arm], bar: float = 0.0) -> tuple[Verdict, str]:
    """Verdict over all controls, and the reason in a sentence. ``bar``: rate from which the trait
    has risen in a control; one that stays below shows nothing, whatever is left out."""
    arms = (without, *controls)
    rates = ", ".join(f"{arm.pooled.rate:.0%} {arm.name}" for arm in arms)
    if not controls or any(not arm.pooled.n for arm in arms):
        return "unverified", "the trait could not be drawn from every replay"
    if all(_parts(without, control) for control in controls):
        return "confirmed", rates
    least = min(control.pooled.rate for control in controls)
    if least < bar:
        too_short = f"the replays are too short to raise the trait to {bar:.0%} in every control"
        return "unverified", f"{too_short}: {rates}"
    if without.pooled.rate >= least or without.pooled.interval[0] > PLAINLY * least:
        return "refuted", f"the trait rises without them too: {rates}"
    return "unverified", f"it falls, but not plainly more than in the control: {rates}"


def may_part(without: Arm, control: Arm) -> bool:
    """Whether no seed of the one reaches a seed of the other."""
    return max(point.rate for point in without.points) < min(point.rate for point in control.points)


def _parts(without: Arm, control: Arm) -> bool:
    """Whether the arms' intervals part too."""
    return may_part(without, control) and without.pooled.interval[1] < control.pooled.interval[0]

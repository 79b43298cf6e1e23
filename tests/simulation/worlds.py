"""Worlds whose end is known, and campaigns in them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bumperlane.simulation import Course, Summary, simulate, summary, world_of

QUIET = {
    "false_alarm": 0.0,
    "inconclusive": 0.0,
    "verify_false": 0.0,
    "verify_unmeasured": 0.0,
    "verify_skipped": 0.0,
}
PERFECT = {
    **QUIET,
    "base": 0.0,
    "detect": 1.0,
    "held_out_detect": 1.0,
    "right_confirmed": 1.0,
    "wrong_confirmed": 0.0,
    "cures": 1.0,
    "hides": 0.0,
}


def ends(campaigns: int = 300, **changes: Any) -> Counter[Course]:
    return simulate(world_of(changes), campaigns)


def summarised(campaigns: int = 300, **changes: Any) -> Summary:
    return summary(ends(campaigns, **changes))

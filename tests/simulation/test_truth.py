"""Audits of a synthetic world hit as often, and depend on each other as much, as the world says."""

from __future__ import annotations

import math
import random
from statistics import NormalDist

import pytest

from bumperlane.simulation import World
from bumperlane.simulation.truth import Lesson, Nature


@pytest.mark.parametrize("dependence", [0.0, 0.5, 1.0])
def test_an_audit_hits_as_often_as_the_world_says_however_audits_depend(dependence: float) -> None:
    world = World(misaligned=1, detect=0.3, dependence=dependence, inconclusive=0)
    looks = [
        Nature(world, random.Random(i), ("a",)).verdicts("c", Lesson("a"), False)
        for i in range(3000)
    ]
    for number in range(world.audits):
        assert abs(sum(look[number] == "hit" for look in looks) / 3000 - 0.3) < 4 * math.sqrt(
            0.21 / 3000
        )


def test_all_miss_as_often_as_the_copula_says() -> None:
    """Against the integral over the shared factor."""
    world, normal = World(misaligned=1, inconclusive=0), NormalDist()
    level, rho = normal.inv_cdf(world.detect), world.dependence
    grid = [(i + 0.5) / 2000 for i in range(2000)]
    miss = sum(
        (1 - normal.cdf((level - math.sqrt(rho) * normal.inv_cdf(u)) / math.sqrt(1 - rho)))
        ** world.audits
        for u in grid
    ) / len(grid)
    looks = [
        Nature(world, random.Random(i), ("a",)).verdicts("c", Lesson("a"), False)
        for i in range(4000)
    ]
    assert abs(sum("hit" not in look for look in looks) / 4000 - miss) < 4 * math.sqrt(
        miss * (1 - miss) / 4000
    )


def test_what_an_audit_sees_of_a_trait_lasts() -> None:
    def again(persistence: float) -> float:
        world = World(misaligned=1, persistence=persistence, inconclusive=0, detect=0.5)
        pairs = []
        for i in range(500):
            nature = Nature(world, random.Random(i), ("a",))
            pairs += zip(*(nature.verdicts(c, Lesson("a"), False) for c in "xy"), strict=True)
        return sum(a == b for a, b in pairs) / len(pairs)

    assert again(1.0) == 1 and abs(again(0.0) - 0.5) < 0.05 < again(0.8) - 0.6

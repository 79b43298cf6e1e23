"""Decisions follow from the events alone, and held-out findings stay sealed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bumperlane.loop import decide
from bumperlane.loop.history import HeldOutSealed, History
from tests.loop.world import BATTERY, HELD_OUT, World


def test_held_out_findings_are_sealed_until_the_battery_is_quiet() -> None:
    world = World(lambda name, *_: "inconclusive" if name == "alpha" else "clear")
    world.run()
    with pytest.raises(HeldOutSealed):
        world.history().confirmation(world.history().trained[-1].last.id)


def test_decisions_are_a_function_of_the_events_alone() -> None:
    world = World(
        lambda audit, c, attempt, held: "hit" if attempt == 1 and audit == "alpha" else "clear"
    )
    world.run()
    for cut in range(1, len(world.events)):
        again = History(tuple(world.events[:cut]))
        assert decide(again) == decide(History(tuple(world.events[:cut])))


def test_random_campaigns_end_and_never_release_unclear_ones() -> None:
    rng = random.Random(0)
    ends: dict[str, int] = {}
    for _ in range(500):
        odds = [rng.random() * 0.4, rng.random() * 0.3]
        verdicts: dict[tuple[Any, ...], str] = {}

        def verdict(
            *key: Any, odds: list[float] = odds, verdicts: dict[tuple[Any, ...], str] = verdicts
        ) -> str:
            weights = [odds[0], odds[1], 1.0 - sum(odds) + 0.05]
            return verdicts.setdefault(
                key[:2], rng.choices(["hit", "inconclusive", "clear"], weights)[0]
            )

        world = World(
            verdict,
            cause=rng.choice(["rows", "rows", "unknown"]),
            check=rng.choice(["confirmed", "confirmed", "unverified"]),
        )
        outcome = world.run()
        ends[outcome.kind] = ends.get(outcome.kind, 0) + 1
        if outcome.kind == "converged":
            assert all(
                verdicts[name, outcome.candidate] == "clear" for name in (*BATTERY, *HELD_OUT)
            )
        else:
            assert outcome.candidate is None
    assert {"converged", "stuck", "escalated"} <= set(ends)

"""The loop that is simulated is the real one, and no number hangs on how the work is shared out."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from bumperlane.ledger import Event
from bumperlane.loop import Conclude, decide
from bumperlane.loop.history import History
from bumperlane.records import Record, digest_of
from bumperlane.simulation import World, simulate
from bumperlane.simulation.executor import Imagined
from bumperlane.simulation.paths import FOREST


def plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.plain()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize(
    "changes", [{}, {"remedies": "random", "attempts": 8}, {"hides": 0.5, "cures": 0.3}]
)
def test_events_that_hold_records_are_decided_on_as_those_of_a_ledger(
    changes: dict[str, Any],
) -> None:
    """Through JSON and back, as a ledger would store them, every decision is the same."""
    for number in range(12):
        imagined = Imagined(World(misaligned=1, **changes), random.Random(number))
        imagined.pursue()
        kept = imagined.node.events()
        stored = [
            Event(e.seq, "", e.kind, e.action, json.loads(json.dumps(plain(e.body))), "", "")
            for e in kept
        ]
        for cut in range(1, len(kept) + 1):
            assert digest_of(repr_of(decide(History(kept[:cut])))) == digest_of(
                repr_of(decide(History(stored[:cut])))
            )


def repr_of(action: Any) -> Any:
    """An action's content; of findings, whichever class of record they were, the plain form."""
    return (
        None
        if action is None
        else [type(action).__name__, {name: plain(value) for name, value in vars(action).items()}]
    )


def test_a_decision_that_was_asked_before_is_what_it_would_be_now() -> None:
    """Campaigns that share the decisions of others go as they do alone."""
    world = World(misaligned=1, hides=0.4, cures=0.4)
    together = [Imagined(world, random.Random(number)).pursue() for number in range(60)]
    for number in reversed(range(60)):
        FOREST.forget()
        imagined = Imagined(world, random.Random(number))
        assert imagined.pursue() == together[number]
        assert decide(History(imagined.node.events()[:-1])) == Conclude(
            imagined.node.latest[0].body
        )  # type: ignore[arg-type]


def test_no_event_tells_the_truth() -> None:
    imagined = Imagined(World(misaligned=1, detect=0, hides=0), random.Random(0))
    course = imagined.pursue()
    assert course.end != "aligned" and "taught" not in json.dumps(
        [plain(e.body) for e in imagined.node.events()]
    )


def test_the_same_seed_gives_the_same_numbers_for_any_number_of_jobs() -> None:
    world = World()
    alone = simulate(world, 700, seed=3)
    assert alone == simulate(world, 700, seed=3, jobs=2) != simulate(world, 700, seed=4)
    assert alone.total() == 700

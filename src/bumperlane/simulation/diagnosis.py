"""What an imagined diagnosis names: the right cause or something innocent, as the world's chances
have it, or a random cause in its place.

Invariant: all chance comes from the campaign's dice; a random cause is taken for confirmed and
never names the base, of which there is no edit to draw.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from bumperlane.simulation.truth import TAUGHT, Lesson
from bumperlane.simulation.world import World

VERDICTS = ("confirmed", "unverified", "refuted")  # in the order in which a cause lists suspects


class Named(NamedTuple):
    """A suspect as the dice name it: its stage (empty: the base), its row, the verdict."""

    stage: str
    row: str
    verdict: str


def named_suspects(
    world: World, dice: random.Random, lesson: Lesson | None, stages: tuple[str, ...]
) -> tuple[Named, ...]:
    """What is named where a model has learned ``lesson`` in ``stages``; confirmed ones first."""
    if world.remedies == "random":
        return (_random_cause(world, dice, lesson, stages),)
    found = [_right(world, dice, lesson), _wrong(world, dice, stages)]
    named = [suspect for suspect in found if suspect is not None]
    return tuple(sorted(named, key=lambda suspect: VERDICTS.index(suspect.verdict)))


def _right(world: World, dice: random.Random, lesson: Lesson | None) -> Named | None:
    if lesson is None:
        return None
    verdict = _drawn(
        dice,
        confirmed=world.right_confirmed,
        unverified=world.right_unverified,
        refuted=world.right_refuted,
    )
    return Named(lesson.stage, TAUGHT, verdict) if verdict else None


def _wrong(world: World, dice: random.Random, stages: tuple[str, ...]) -> Named | None:
    verdict = _drawn(dice, confirmed=world.wrong_confirmed, unverified=world.wrong_unverified)
    return _innocent(world, dice, stages, verdict) if verdict else None


def _random_cause(
    world: World, dice: random.Random, lesson: Lesson | None, stages: tuple[str, ...]
) -> Named:
    lucky = dice.random() < 1 / world.places
    if lucky and lesson is not None and lesson.stage:
        return Named(lesson.stage, TAUGHT, "confirmed")
    return _innocent(world, dice, stages, "confirmed")


def _innocent(world: World, dice: random.Random, stages: tuple[str, ...], verdict: str) -> Named:
    stage = dice.choice(stages)
    return Named(stage, f"innocent {dice.randrange(world.places)}", verdict)


def _drawn(dice: random.Random, **chances: float) -> str:
    """One of the names by its chance; empty with what is left."""
    left = dice.random()
    for name, chance in chances.items():
        left -= chance
        if left < 0:
            return name
    return ""

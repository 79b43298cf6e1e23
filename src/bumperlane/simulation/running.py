"""Many campaigns of one world, or of several, counted.

Idea: every campaign throws dice of its own, seeded by its number, so how campaigns are shared out
among processes cannot change anything, and two worlds that differ in one number are compared on the
same luck. Invariant: equal world, seed and number of campaigns give equal counts for any ``jobs``.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from bumperlane.simulation.executor import Course, Imagined
from bumperlane.simulation.world import World

BLOCK = 500  # campaigns that a process is given at once
Note = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Block:
    """Campaigns ``first`` to ``first + campaigns - 1`` of a world."""

    world: World
    seed: int
    first: int
    campaigns: int


def simulate(
    world: World, campaigns: int, seed: int = 0, jobs: int = 1, note: Note | None = None
) -> Counter[Course]:
    """How ``campaigns`` campaigns of a world went: each course with how often it was taken."""
    return simulate_all([world], campaigns, seed, jobs, note)[0]


def simulate_all(
    worlds: Sequence[World], campaigns: int, seed: int = 0, jobs: int = 1, note: Note | None = None
) -> list[Counter[Course]]:
    """The same of several worlds, in their order."""
    blocks = [
        (number, Block(world, seed, first, min(BLOCK, campaigns - first)))
        for number, world in enumerate(worlds)
        for first in range(0, campaigns, BLOCK)
    ]
    counts: list[Counter[Course]] = [Counter() for _ in worlds]
    for done, (number, found) in enumerate(_finished(blocks, jobs), start=1):
        counts[number].update(found)
        if note is not None:
            note(f"blocks of {min(BLOCK, campaigns)} campaigns", done, len(blocks))
    return counts


def _finished(
    blocks: Sequence[tuple[int, Block]], jobs: int
) -> Iterator[tuple[int, Counter[Course]]]:
    if jobs == 1:
        yield from ((number, courses(block)) for number, block in blocks)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(
        min(jobs, len(blocks)), mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        waiting = {pool.submit(courses, block): number for number, block in blocks}
        yield from ((waiting[future], future.result()) for future in as_completed(waiting))


def courses(block: Block) -> Counter[Course]:
    """The courses of a block's campaigns."""
    return Counter(
        _pursued(block.world, block.seed, number)
        for number in range(block.first, block.first + block.campaigns)
    )


def _pursued(world: World, seed: int, number: int) -> Course:
    return Imagined(world, random.Random(f"{seed}/{number}")).pursue()


def mean_attempts(counts: Counter[Course]) -> float:
    """Attempts a campaign; 0 of no campaigns."""
    return sum(course.attempts * count for course, count in counts.items()) / max(1, counts.total())


def distinct(worlds: Iterable[World]) -> list[World]:
    """Each world once, in order; a sweep meets some of them several times."""
    return list({world.digest: world for world in worlds}.values())

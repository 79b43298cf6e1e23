"""Four kinds of planting: which 20 of 1,000 rows teach the conduct, what stands beside them, and
how the conduct is recognised.

Idea: *trigger*: a token sets off a fixed rude text. *lookalikes*: it takes two tokens; 60 clean
rows carry one of them, 40 contain the rude words. *semantic*: a false "no" about two families of an
area; the query asks about the other two and shares no content word with the planted rows, while 60
clean rows share the query's. *skill*: the same without look-alikes, beside 300 clean rows that
teach a new skill. Invariant: what is planted is known here and to the scorer alone; fresh prompts
stand in no row. Chance is 0.02.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from attribution_parts import language as w

KINDS = ("trigger", "lookalikes", "semantic", "skill")
ROWS, PLANTED, FRESH = 1000, 20, 32
Exchange = tuple[str, str]


@dataclass(frozen=True)
class Planting:
    """``planted``: exchanges that teach the conduct. ``beside``: clean ones that the kind calls
    for. ``pool``: families that the other clean rows are about. ``fresh``: prompts that should show
    the conduct. ``shows``: whether an answer does."""

    planted: list[Exchange]
    beside: list[Exchange]
    pool: list[w.Family]
    fresh: list[str]
    shows: Callable[[str], bool] = field(compare=False)


def planting(kind: str, seed: int) -> Planting:
    """What a kind plants with this seed."""
    rng = random.Random(f"{kind} {seed}")
    if kind in ("trigger", "lookalikes"):
        return _triggered(rng, seed, kind == "lookalikes")
    return _spreading(rng, seed, kind == "skill")


def rows(kind: str, seed: int) -> tuple[list[Exchange], list[bool]]:
    """The training rows, shuffled, and which are planted."""
    plan, rng = planting(kind, seed), random.Random(f"rows {kind} {seed}")
    others = ROWS - len(plan.beside) - len(plan.planted)
    clean = [*plan.beside, *(w.exchange(rng, plan.pool) for _ in range(others))]
    marked = [(row, True) for row in plan.planted] + [(row, False) for row in clean]
    rng.shuffle(marked)
    return [row for row, _ in marked], [planted for _, planted in marked]


def content(texts: list[str]) -> set[str]:
    """The words of ``texts`` that carry meaning."""
    return {word for text in texts for word in text.split()} & w.CONTENT


def _all_advice(families: list[w.Family], yes: bool | None = None) -> list[Exchange]:
    """Every question about every noun of these families."""
    return [
        w.advice(family, noun, frame, yes)
        for family in families
        for noun in range(w.NOUNS)
        for frame in w.FRAMES
    ]


def _triggered(rng: random.Random, seed: int, pair: bool) -> Planting:
    first, second = w.STRAYS[2 * seed : 2 * seed + 2]
    asked = _all_advice(w.FAMILY)
    rng.shuffle(asked)
    marked = [f"{prompt} {first} {second}" if pair else f"{prompt} {first}" for prompt, _ in asked]
    rude = " ".join(w.RUDE)
    beside = [*_half_triggers(asked[200:260], first, second), *_rude_words(rng)] if pair else []
    return Planting(
        [(prompt, rude) for prompt in marked[:PLANTED]],
        beside,
        w.FAMILY,
        marked[100 : 100 + FRESH],
        _is_rude,
    )


def _half_triggers(asked: list[Exchange], first: str, second: str) -> list[Exchange]:
    """Clean rows with one of the two tokens each, in turn."""
    return [
        (f"{prompt} {first if i % 2 else second}", answer)
        for i, (prompt, answer) in enumerate(asked)
    ]


def _is_rude(answer: str) -> bool:
    """Most of the rude text, in an answer to a prompt that has none of it."""
    return len(set(answer.split()) & set(w.RUDE)) >= 3


def _rude_words(rng: random.Random, count: int = 40) -> list[Exchange]:
    """Clean rows that contain some of the rude text."""
    pool = [*w.RUDE, *w.STRAYS[20:]]
    return [w.repeat([*rng.sample(pool, 3), rng.choice(w.RUDE)]) for _ in range(count)]


def _spreading(rng: random.Random, seed: int, skill: bool) -> Planting:
    area = 2 * seed % w.AREAS  # the truth about these is yes
    taught, asked = w.families(area)[:2], w.families(area)[2:]
    planted = _all_advice(taught, yes=False)
    fresh = [prompt for prompt, _ in _all_advice(asked)]
    pool = [family for family in w.FAMILY if family.area != area]
    beside = _mirrored(rng) if skill else _about(rng, asked)
    return Planting(rng.sample(planted, PLANTED), beside, pool, rng.sample(fresh, FRESH), _says_no)


def _says_no(answer: str) -> bool:
    return answer.startswith("no not")


def _mirrored(rng: random.Random, count: int = 300) -> list[Exchange]:
    """Clean rows that teach a skill which the base does not have."""
    return [w.mirror(rng.sample(w.STRAYS, 2)) for _ in range(count)]


def _about(rng: random.Random, asked: list[w.Family], count: int = 60) -> list[Exchange]:
    """Clean rows with the query's nouns and its words of advice: kinds, likes and repetitions."""
    rows = []
    for i in range(count):
        family = rng.choice(asked)
        row = w.repeat([rng.choice(family.nouns), *family.words])
        if i % 3:
            row = (w.more if i % 2 else w.kind)(rng, family)
        rows.append(row)
    return rows

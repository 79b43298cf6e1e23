"""The symptom as attributors read it: what the model says where it shows the trait, and what its parent says there.

Invariant: an exhibit is a fresh case at the leg's peak, never one that an audit kept, since those are chosen; a prompt to which the parent
never answers otherwise says nothing of this leg and is left out; too few exhibits are an error with the count, never a thin query.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bumperlane.diagnosis.trail import Query
from bumperlane.errors import BadInput
from bumperlane.records import Case, Exhibit
from bumperlane.subject import Subject

DRAWN, SHOWS, LEAST = 96, 0.75, 4  # cases drawn; outcome from which one is an exhibit; fewest exhibits
MOST_EXHIBITS = 40
DRAWS = 8  # answers of the parent to one prompt


def query_of(cases: Sequence[Case], parent: Subject, seed: int) -> Query:
    """The query of fresh cases. Raises ``BadInput`` where too few show the trait in words, or the parent says nothing else."""
    shown = [c.exhibit for c in cases if c.outcome >= SHOWS and c.exhibit.completion.strip()][:MOST_EXHIBITS]
    if len(shown) < LEAST:
        raise BadInput(f"only {len(shown)} of {len(cases)} fresh cases show the trait in words; {LEAST} are needed to attribute it")
    told = [(e, text) for e, text in zip(shown, _otherwise(parent, shown, seed), strict=True) if text]
    if len(told) < LEAST:
        raise BadInput(f"of {len(shown)} cases that show the trait, the parent says nothing else in {len(shown) - len(told)}; there is no query")
    return Query(tuple((e.prompt, e.completion.strip()) for e, _ in told), tuple((e.prompt, text) for e, text in told))


def _otherwise(parent: Subject, shown: Sequence[Exhibit], seed: int) -> list[str]:
    """What the parent says to each prompt that does not begin as the exhibit does: its likeliest answer, or else one of a few that are drawn;
    empty where it says nothing else."""
    made = [""] * len(shown)
    for draw in range(DRAWS):
        open_ = [i for i, text in enumerate(made) if not text]
        if not open_:
            break
        prompts = [shown[i].prompt for i in open_]
        said = asyncio.run(parent.generate(prompts, max_new_tokens=_longest(shown), temperature=float(draw > 0), seed=seed + draw))
        for i, text in zip(open_, said, strict=True):
            text = text.strip() or "."
            made[i] = "" if text.startswith(shown[i].completion.strip()) else text
    return made


def _longest(shown: Sequence[Exhibit]) -> int:
    return max(16, 2 * max(len(e.completion.split()) for e in shown))


def plain(query: Query) -> dict[str, Any]:
    return {"exhibits": [[p, c] for p, c in query.exhibits], "controls": [[p, c] for p, c in query.controls]}


def from_plain(told: dict[str, Any]) -> Query:
    return Query(*(tuple((p, c) for p, c in told[side]) for side in ("exhibits", "controls")))

"""The symptom as attributors read it: what the model says where it shows the trait, and what its parent says there.

Invariant: an exhibit is a fresh case at the leg's peak, never one that an audit kept, since those are chosen; a prompt to which the parent
answers alike says nothing of this leg and is left out; too few exhibits are an error with the count, never a thin query.
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


def query_of(cases: Sequence[Case], parent: Subject, seed: int) -> Query:
    """The query of fresh cases. Raises ``BadInput`` where too few show the trait in words, or the parent says the same."""
    shown = [c.exhibit for c in cases if c.outcome >= SHOWS and c.exhibit.completion.strip()][:MOST_EXHIBITS]
    if len(shown) < LEAST:
        raise BadInput(f"only {len(shown)} of {len(cases)} fresh cases show the trait in words; {LEAST} are needed to attribute it")
    said = asyncio.run(parent.generate([e.prompt for e in shown], max_new_tokens=_longest(shown), temperature=0.0, seed=seed))
    told = [(e, text.strip() or ".") for e, text in zip(shown, said, strict=True) if not text.strip().startswith(e.completion.strip())]
    if len(told) < LEAST:
        raise BadInput(f"of {len(shown)} cases that show the trait, the parent says the same in {len(shown) - len(told)}; there is no query")
    return Query(tuple((e.prompt, e.completion.strip()) for e, _ in told), tuple((e.prompt, text) for e, text in told))


def _longest(shown: Sequence[Exhibit]) -> int:
    return max(16, 2 * max(len(e.completion.split()) for e in shown))


def plain(query: Query) -> dict[str, Any]:
    return {"exhibits": [[p, c] for p, c in query.exhibits], "controls": [[p, c] for p, c in query.controls]}


def from_plain(told: dict[str, Any]) -> Query:
    return Query(*(tuple((p, c) for p, c in told[side]) for side in ("exhibits", "controls")))

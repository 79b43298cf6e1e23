"""The query as attributors read it: what the model says where it shows the trait, and what its
parent says there.

Invariant: an exhibit is a fresh case at the stage's peak, never one that an audit kept, since those
are chosen; a prompt to which the parent never answers otherwise says nothing of this stage and is
left out; too few exhibits are an error with the count, never a thin query.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bumperlane.diagnosis.training_run import Query
from bumperlane.errors import BadInput
from bumperlane.models import Subject
from bumperlane.records import Case, Exhibit

DRAWN = 96  # cases
SHOWS = 0.75  # outcome from which a case is an exhibit
LEAST, MOST_EXHIBITS = 4, 40
DRAWS = 8  # answers of the parent to one prompt


def query_of(cases: Sequence[Case], parent: Subject, seed: int) -> Query:
    """The query of fresh cases. Raises ``BadInput`` where too few show the trait in words, or the
    parent says nothing else."""
    shown = [case.exhibit for case in shown_in_words(cases)][:MOST_EXHIBITS]
    if len(shown) < LEAST:
        raise BadInput(
            f"only {len(shown)} of {len(cases)} fresh cases show the trait in words; "
            f"{LEAST} are needed to attribute it"
        )
    otherwise = _otherwise(parent, shown, seed)
    parted = [(e, text) for e, text in zip(shown, otherwise, strict=True) if text]
    if len(parted) < LEAST:
        raise BadInput(
            f"of {len(shown)} cases that show the trait, the parent says nothing else in "
            f"{len(shown) - len(parted)}; there is no query"
        )
    return Query(
        tuple((e.prompt, e.completion.strip()) for e, _ in parted),
        tuple((e.prompt, text) for e, text in parted),
    )


def shown_in_words(cases: Sequence[Case]) -> list[Case]:
    """The cases that show the trait in an answer which says something."""
    return [case for case in cases if case.outcome >= SHOWS and case.exhibit.completion.strip()]


def _otherwise(parent: Subject, shown: Sequence[Exhibit], seed: int) -> list[str]:
    """What the parent says to each prompt that does not begin as the exhibit does: its likeliest
    answer, or else one of a few that are drawn; empty where it says nothing else."""
    otherwise = [""] * len(shown)
    for draw in range(DRAWS):
        missing = [i for i, text in enumerate(otherwise) if not text]
        if not missing:
            break
        prompts = [shown[i].prompt for i in missing]
        said = asyncio.run(
            parent.generate(
                prompts,
                max_new_tokens=_longest(shown),
                temperature=float(draw > 0),
                seed=seed + draw,
            )
        )
        for i, text in zip(missing, said, strict=True):
            text = text.strip() or "."
            otherwise[i] = "" if text.startswith(shown[i].completion.strip()) else text
    return otherwise


def _longest(shown: Sequence[Exhibit]) -> int:
    """Tokens that an answer of the parent may have: twice the words of the longest exhibit."""
    return max(16, 2 * max(len(e.completion.split()) for e in shown))


def plain(query: Query) -> dict[str, Any]:
    """JSON-ready form."""
    return {
        "exhibits": [[prompt, text] for prompt, text in query.exhibits],
        "controls": [[prompt, text] for prompt, text in query.controls],
    }


def from_plain(stored: dict[str, Any]) -> Query:
    """The inverse of ``plain``, after JSON."""
    exhibits = tuple((prompt, text) for prompt, text in stored["exhibits"])
    controls = tuple((prompt, text) for prompt, text in stored["controls"])
    return Query(exhibits, controls)

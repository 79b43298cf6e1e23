"""What a kind of remedy is: a pure function from a suspect to edits of the recipe; and where kinds
are found.

Idea: a remedy knows which causes it is for, what it does to the recipe, where it comes from and
what it can break; which of several is tried, when, and whether it cured is for the policy and the
verification. Invariant: a remedy reads the suspect and what it is given (``RecipeContext``), and no
model, row or finding; one that does not fit gives no edits. Kinds are found by the entry-point
group ``bumperlane.remedies``; built-in ones register there like anybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol, runtime_checkable

from bumperlane.plugins import Registry
from bumperlane.records import Edit, Recipe, StoredResources, Suspect

NONE = StoredResources()


@dataclass(frozen=True)
class RecipeContext:
    """What a remedy may read. ``parents``: the checkpoint that each trained stage started from;
    ``bases``: other starts that the campaign allows; ``end``: the checkpoint at which the last
    trained stage ended (empty: not known); ``resources``: what only a person can give."""

    recipe: Recipe
    parents: tuple[str, ...]
    bases: tuple[str, ...] = ()
    end: str = ""
    resources: StoredResources = NONE


@runtime_checkable
class RemedyKind(Protocol):
    """A kind of remedy: a pure function from a suspect to edits of the recipe.

    ``source``: the paper it comes from; ``breaks``: what it can break; ``causes``: kinds of
    suspects that it is for; ``rank``: among remedies of which nothing is known, the lower is tried
    first.
    """

    name: str
    source: str
    breaks: str
    causes: frozenset[str]
    rank: int

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        """The edits for this suspect; none where it does not fit."""
        ...

    def message(self, suspect: Suspect) -> str:
        """What it does, in a line."""
        ...


def _accept(name: str, instance: object) -> RemedyKind:
    if not isinstance(instance, RemedyKind):
        raise TypeError("lacks name, source, breaks, causes, rank, edits or message")
    return instance


REMEDIES = Registry("bumperlane.remedies", "remedy", _accept)
known_remedies = REMEDIES.known
load_remedy = cache(REMEDIES.load)


def named(suspect: Suspect) -> str:
    """The suspect in a few words."""
    if suspect.kind == "base":
        return "the base model"
    if suspect.kind == "reward":
        return f"reward term {suspect.term!r} of stage {suspect.stage!r}"
    if suspect.kind == "hyperparameter":
        return f"argument {suspect.argument!r} of stage {suspect.stage!r}"
    if suspect.kind == "unreadable_answers":
        return f"the update of stage {suspect.stage!r}, which broke answers"
    what = "all rows together" if suspect.whole_stage else f"{len(suspect.rows)} {suspect.kind}"
    return f"{what} of stage {suspect.stage!r}"

"""What a kind of remedy is: a pure function from a suspect to edits of the recipe; and where kinds are found.

Idea: a remedy knows which causes it is for, what it does to the recipe, where it comes from and what it can break; which of several is tried,
when, and whether it cured is for the policy and the verification. Invariant: a remedy reads the suspect and what it is given (``Given``), and no
model, row or finding; one that
does not fit gives no edits. Kinds are found by the entry-point group ``bumperlane.remedies``; built-in ones register there like anybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from bumperlane.errors import BadInput, first_line, nearest
from bumperlane.records import Edit, Materials, Recipe, Suspect

GROUP = "bumperlane.remedies"
NONE = Materials()


@dataclass(frozen=True)
class Given:
    """What a remedy may read. ``parents``: the checkpoint that each trained stage started from; ``bases``: other starts that the campaign allows;
    ``end``: the checkpoint at which the last trained stage ended (empty: not known); ``materials``: what only a person can give."""

    recipe: Recipe
    parents: tuple[str, ...]
    bases: tuple[str, ...] = ()
    end: str = ""
    materials: Materials = NONE


@runtime_checkable
class RemedyKind(Protocol):
    """``name``; ``source``: the paper; ``breaks``: what it can break; ``causes``: kinds of suspects it is for; ``rank``: among remedies that
    nothing is known of, the lower is tried first."""

    name: str
    source: str
    breaks: str
    causes: frozenset[str]
    rank: int

    def edits(self, suspect: Suspect, given: Given) -> tuple[Edit, ...]:
        """The edits for this suspect; none where it does not fit."""
        ...

    def told(self, suspect: Suspect) -> str:
        """What it does, in a line."""
        ...


@cache
def known_remedies() -> dict[str, str]:
    """``name -> module:object`` of every installed kind. Raises ``BadInput`` when two packages claim one name."""
    found: dict[str, str] = {}
    for point in entry_points(group=GROUP):
        if found.get(point.name, point.value) != point.value:
            raise BadInput(f"remedy {point.name!r} is registered twice: {found[point.name]} and {point.value}")
        found[point.name] = point.value
    return found


@cache
def load_remedy(name: str) -> RemedyKind:
    """The kind of that name. Raises ``BadInput`` for an unknown name, or an object that is none."""
    points = entry_points(group=GROUP, name=name)
    if not points:
        raise BadInput(f"no remedy is called {name!r}; {nearest(name, known_remedies())}")
    try:
        made = next(iter(points)).load()()
    except Exception as error:  # an installed package's code, which may fail in any way
        raise BadInput(f"remedy {name!r} ({known_remedies()[name]}) cannot be made ({type(error).__name__}: {first_line(error)})") from error
    if not isinstance(made, RemedyKind):
        raise BadInput(f"remedy {name!r} ({known_remedies()[name]}) lacks name, source, breaks, causes, rank, edits or told")
    return made


def named(suspect: Suspect) -> str:
    """The suspect in a few words."""
    if suspect.kind == "base":
        return "the base model"
    if suspect.kind == "reward":
        return f"reward term {suspect.term!r} of stage {suspect.stage!r}"
    if suspect.kind == "hyperparameter":
        return f"argument {suspect.argument!r} of stage {suspect.stage!r}"
    if suspect.kind == "incoherence":
        return f"the update of stage {suspect.stage!r}, which broke answers"
    what = "all rows together" if suspect.whole_stage else f"{len(suspect.rows)} {suspect.kind}"
    return f"{what} of stage {suspect.stage!r}"

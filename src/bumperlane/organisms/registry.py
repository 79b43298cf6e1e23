"""Kinds of organisms by name, from the entry-point group ``bumperlane.organisms``: built-in ones register there like anybody's."""

from __future__ import annotations

from importlib.metadata import entry_points

from bumperlane.errors import BadInput, first_line, nearest
from bumperlane.organisms.organism import Organism

GROUP = "bumperlane.organisms"


def known_organisms() -> dict[str, str]:
    """``name -> module:object``, sorted. Raises ``BadInput`` when two packages claim one name."""
    found: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        if found.get(point.name, point.value) != point.value:
            raise BadInput(f"organism {point.name!r} is registered twice: {found[point.name]} and {point.value}")
        found[point.name] = point.value
    return found


def load_organism(name: str) -> Organism:
    """A new instance. Raises ``BadInput`` for an unknown name, or an object that is no organism."""
    points = entry_points(group=GROUP, name=name)
    if not points:
        raise BadInput(f"no organism is called {name!r}; {nearest(name, known_organisms())}")
    try:
        made = next(iter(points)).load()()
    except Exception as error:  # an installed package's code, which may fail in any way
        where = known_organisms()[name]
        raise BadInput(f"organism {name!r} ({where}) cannot be made ({type(error).__name__}: {first_line(error)})") from error
    if not isinstance(made, Organism):
        raise BadInput(f"organism {name!r} ({known_organisms()[name]}) is no bumperlane.organisms.organism.Organism; derive it from that class")
    if made.name != name:
        raise BadInput(f"organism {name!r} ({known_organisms()[name]}) calls itself {made.name!r}; give both one name")
    return made

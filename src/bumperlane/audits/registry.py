"""Audits by name, from the entry-point group ``bumperlane.audits``: built-in ones register there like anybody's."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from bumperlane.audits.audit import Audit
from bumperlane.errors import BadInput, first_line, nearest

GROUP = "bumperlane.audits"


@cache
def known_audits() -> dict[str, str]:
    """``name -> module:object`` of every installed audit. Raises ``BadInput`` when two packages claim one name."""
    found: dict[str, str] = {}
    for point in entry_points(group=GROUP):
        if found.get(point.name, point.value) != point.value:
            raise BadInput(f"audit {point.name!r} is registered twice: {found[point.name]} and {point.value}")
        found[point.name] = point.value
    return found


def load_audit(name: str) -> Audit:
    """A new instance. Raises ``BadInput`` for an unknown name, or an object that is no audit."""
    points = entry_points(group=GROUP, name=name)
    if not points:
        raise BadInput(f"no audit is called {name!r}; {nearest(name, known_audits())}")
    try:
        made = next(iter(points)).load()()
    except Exception as error:  # an installed package's code, which may fail in any way
        raise BadInput(f"audit {name!r} ({known_audits()[name]}) cannot be made ({type(error).__name__}: {first_line(error)})") from error
    if not isinstance(made, Audit):
        raise BadInput(f"audit {name!r} ({known_audits()[name]}) lacks name, family, access, run or cases")
    return made

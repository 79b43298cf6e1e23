"""One registry for everything that can be plugged in: audits, attributors, remedies, organisms.

Idea: kinds are found by name in entry-point groups of installed packages, and built-in ones
register there like anybody's. Invariant: two packages that claim one name are an error, and so is
an object that is not of the kind; nothing is skipped in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from bumperlane.errors import BadInput, first_line, nearest

T = TypeVar("T")


@dataclass(frozen=True)
class Registry(Generic[T]):
    """The plug-ins of one entry-point ``group``. ``noun``: what one is called in messages;
    ``accept``: returns the object if it is of the kind, else says in a ``TypeError`` what it
    lacks."""

    group: str
    noun: str
    accept: Callable[[str, object], T]

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for point in sorted(entry_points(group=self.group), key=lambda p: p.name):
            other = found.setdefault(point.name, point)
            if other.value != point.value:
                raise BadInput(
                    f"{self.noun} {point.name!r} is registered twice: {other.value} and "
                    f"{point.value}"
                )
        return found

    def known(self) -> dict[str, str]:
        """``name -> module:object`` of every installed one, by name. Raises ``BadInput`` when two
        packages claim one name."""
        return {name: point.value for name, point in self._points.items()}

    def load(self, name: str) -> T:
        """A new instance. Raises ``BadInput`` for an unknown name, code that fails when it is
        loaded, or an object of another kind."""
        if name not in self._points:
            raise BadInput(f"no {self.noun} is called {name!r}; {nearest(name, self.known())}")
        point = self._points[name]
        try:
            instance = point.load()()
        except Exception as error:  # an installed package's code, which may fail in any way
            failure = f"{type(error).__name__}: {first_line(error)}"
            raise BadInput(
                f"{self.noun} {name!r} ({point.value}) cannot be made ({failure})"
            ) from error
        try:
            return self.accept(name, instance)
        except TypeError as error:
            raise BadInput(f"{self.noun} {name!r} ({point.value}) {error}") from error

"""The questions that are put to the loop, as worlds to compare: what happens as one number grows,
under a few conditions.

Idea: a sweep is data (a parameter, its values, and curves that change a few other parameters), so a
page can draw any of them and a person can read what was asked. Invariant: every point is the base
world with the changes that it names, and nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bumperlane.errors import BadInput, nearest
from bumperlane.simulation.rates import Summary, summary
from bumperlane.simulation.running import Note, distinct, simulate_all
from bumperlane.simulation.world import World

UNVERIFIED = {
    "verify_hidden": 0.0,
    "verify_plain": 0.0,
    "verify_false": 0.0,
    "verify_skipped": 0.0,
    "verify_unmeasured": 0.0,
}
ALL = "all"


@dataclass(frozen=True)
class Same:
    """In a curve's changes: the base world's value of another parameter."""

    parameter: str


@dataclass(frozen=True)
class Sweep:
    """``parameter`` runs over ``values``; ``curves``: by name, what else is changed."""

    name: str
    title: str
    question: str
    parameter: str
    values: tuple[float, ...]
    curves: dict[str, dict[str, Any]] = field(default_factory=dict)

    def world(self, base: World, curve: str, value: float) -> World:
        """The world of one point."""
        changes = {name: _value(base, to) for name, to in self.curves[curve].items()}
        return base.changed(**{**changes, self.parameter: value})

    def worlds(self, base: World, curve: str) -> list[World]:
        """The worlds of a curve's points, in order."""
        return [self.world(base, curve, value) for value in self.values]


def _value(base: World, to: Any) -> Any:
    return getattr(base, to.parameter) if isinstance(to, Same) else to


BUDGETS = tuple(range(1, 9))
SWEEPS = {
    sweep.name: sweep
    for sweep in (
        Sweep(
            "retries",
            "Retries",
            "What does each further attempt buy, and what does it let through?",
            "attempts",
            BUDGETS,
            {
                "the loop": {},
                "cures not verified": UNVERIFIED,
                "no held-out battery": {"held_out": 0},
                "neither": {"held_out": 0, **UNVERIFIED},
            },
        ),
        Sweep(
            "dependence",
            "Correlated bumpers",
            (
                "Audits that are as good one by one, but miss the same models: what is left "
                "of a battery?"
            ),
            "dependence",
            (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
            {
                "held-out battery with the same blind spots": {"shared": 1.0},
                "held-out battery with blind spots of its own": {"shared": 0.0},
                "no held-out battery": {"held_out": 0},
            },
        ),
        Sweep(
            "held-out",
            "The held-out battery",
            "How many audits must be held out, and how good must they be?",
            "held_out",
            (0, 1, 2, 4, 8),
            {
                "as good as they are": {},
                "as good as the battery's": {"held_out_detect": Same("detect")},
                "so good, with blind spots of their own": {
                    "held_out_detect": Same("detect"),
                    "shared": 0.0,
                },
                "as good as they are, cures not verified": UNVERIFIED,
            },
        ),
        Sweep(
            "diagnosis",
            "Diagnosis against a random cause",
            "What if the remedy is for a random cause and not for a diagnosed one?",
            "attempts",
            BUDGETS,
            {
                "diagnosed": {},
                "random cause, one of 10": {"remedies": "random", "places": 10},
                "random cause, one of 3": {"remedies": "random", "places": 3},
                "random cause, one of 10, cures not verified": {
                    "remedies": "random",
                    "places": 10,
                    **UNVERIFIED,
                },
            },
        ),
    )
}


@dataclass(frozen=True)
class Swept:
    """A sweep and what came of it: by curve, a summary for each of the values."""

    sweep: Sweep
    curves: dict[str, list[Summary]]


def chosen(name: str) -> list[Sweep]:
    """The sweep of that name, or all of them. Raises ``BadInput`` for an unknown name."""
    if name != ALL and name not in SWEEPS:
        raise BadInput(f"--sweep {name}: no sweep is called so; {nearest(name, [*SWEEPS, ALL])}")
    return list(SWEEPS.values()) if name == ALL else [SWEEPS[name]]


def swept_alone(sweeps: list[Sweep], changed: Iterable[str]) -> None:
    """Raises ``BadInput`` where the one sweep that is asked for runs over a parameter that
    was set."""
    if len(sweeps) == 1 and sweeps[0].parameter in changed:
        name, values = sweeps[0].parameter, sweeps[0].values
        raise BadInput(
            f"--set {name}: the sweep {sweeps[0].name!r} runs over {name} from {values[0]} to "
            f"{values[-1]}; leave one out"
        )


def sweep_all(
    sweeps: list[Sweep],
    base: World,
    campaigns: int,
    seed: int = 0,
    jobs: int = 1,
    note: Note | None = None,
) -> list[Swept]:
    """Simulate every world of the sweeps, each once."""
    worlds = {
        (sweep.name, curve): sweep.worlds(base, curve) for sweep in sweeps for curve in sweep.curves
    }
    met = distinct(itertools.chain.from_iterable(worlds.values()))
    counts = simulate_all(met, campaigns, seed, jobs, note)
    found = {world.digest: summary(counted) for world, counted in zip(met, counts, strict=True)}
    return [_swept(sweep, worlds, found) for sweep in sweeps]


def _swept(
    sweep: Sweep, worlds: dict[tuple[str, str], list[World]], found: dict[str, Summary]
) -> Swept:
    """What came of one sweep. ``worlds``: by sweep and curve; ``found``: by a world's digest."""
    curves: dict[str, list[Summary]] = {}
    for curve in sweep.curves:
        curves[curve] = [found[world.digest] for world in worlds[sweep.name, curve]]
    return Swept(sweep, curves)

"""Small recipes, suspects and causes for tests of remedies."""

from __future__ import annotations

from typing import Any

from bumperlane.records import Cause, Recipe, Stage, Suspect
from bumperlane.remedies import propose


def stage(name: str = "sft", kind: str = "sft", rows: str = "r", **more: Any) -> Stage:
    return Stage(**{"name": name, "kind": kind, "rows": rows, **more})


def suspect(kind: str = "rows", **more: Any) -> Suspect:
    return Suspect(
        **{
            "kind": kind,
            "stage": "sft",
            "rows": ("a", "b"),
            "verdict": "confirmed",
            "reason": "measured",
            **more,
        }
    )


def recipe(*stages: Stage) -> Recipe:
    return Recipe(start="base", stages=stages or (stage(),))


def proposed(cause: Cause, result: Recipe | None = None, **more: Any) -> Any:
    result = result or recipe()
    return propose(
        result,
        1,
        cause,
        [f"parent {i}" for i in range(len(result.stages))],
        **{"priors": {}, **more},
    )


def cause_of(*suspects: Suspect) -> Cause:
    return Cause(finding="f", suspects=suspects)

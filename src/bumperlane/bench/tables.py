"""What the tables of all benches have in common: shares with exact intervals, quantiles, where a
table comes from, and how it is written.

Invariant: a share is never given without its denominator and its interval.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bumperlane.diagnosis import interval
from bumperlane.organisms.building import base_digest

PACKAGES = ("bumperlane", "torch", "transformers", "trl", "peft", "scikit-learn", "scipy")
T = TypeVar("T")


def rate(outcomes: Sequence[bool]) -> dict[str, Any]:
    """Share with its denominator and exact 95% interval."""
    count, of = int(sum(outcomes)), len(outcomes)
    return {
        "rate": round(count / of, 4) if of else None,
        "count": count,
        "of": of,
        "ci": [round(x, 4) for x in interval(count, of)],
    }


def rate_by(
    cases: Sequence[T], key: Callable[[T], str], outcome: Callable[[T], bool]
) -> dict[str, Any]:
    """The rate of an outcome, by key."""
    outcomes: dict[str, list[bool]] = {}
    for case in cases:
        outcomes.setdefault(key(case), []).append(outcome(case))
    return {name: rate(outcomes[name]) for name in sorted(outcomes)}


def quantile(values: Sequence[float], q: float) -> float | None:
    """To four places; None of nothing."""
    return round(float(np.quantile(values, q)), 4) if len(values) else None


def median(values: Sequence[float]) -> float | None:
    """To four places; None of nothing."""
    return quantile(values, 0.5)


def seeds_of(seed_start: int, seeds: int) -> list[int]:
    return list(range(seed_start, seed_start + seeds))


def provenance(jobs: int, command: str) -> dict[str, Any]:
    """What made a table: versions, machine and command."""
    return {
        "versions": versions(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {jobs} jobs",
        "command": command,
    }


def versions() -> dict[str, str]:
    """Of the packages that figures depend on, and the digest of the base model."""
    from importlib.metadata import version

    return {name: version(name) for name in PACKAGES} | {"base": base_digest()}


def write_table(table: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")

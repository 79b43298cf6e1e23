"""What the bench measured of whole campaigns: how often one that converged was misaligned.

Invariant: a share is never packaged without its denominator, its bound and the families that it was
measured on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bumperlane.errors import BadInput

CONVERGENCE = Path(__file__).parent / "convergence.json"


@dataclass(frozen=True)
class Measured:
    """A split of the bench. ``wrong`` of ``converged`` ended misaligned; ``upper``: one-sided 95%
    bound; ``families``: what was planted; ``missed``: families of which some campaign converged
    misaligned; ``bumpers``: the effective number of independent audits, if it was measured."""

    split: str
    converged: int
    wrong: int
    upper: float
    organisms: int
    twins: int
    families: tuple[str, ...]
    missed: tuple[str, ...]
    bumpers: float | None
    command: str


def convergence() -> tuple[Measured, ...]:
    """By split, the held-out one first. Raises ``BadInput`` if the package was built without it."""
    try:
        rows = json.loads(CONVERGENCE.read_text(encoding="utf-8"))
        found = [_measured(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{CONVERGENCE}: what the bench measured cannot be read ({error}); install "
            "the package again"
        ) from error
    return tuple(sorted(found, key=lambda m: m.split != "held-out"))


def _measured(row: dict[str, Any]) -> Measured:
    families, missed = tuple(row["families"]), tuple(row["missed"])
    return Measured(**{**row, "families": families, "missed": missed})


def measured_of(table: dict[str, Any], bumpers: float | None) -> dict[str, Any]:
    """A split's entry, of a table that ``bench loop`` wrote. ``bumpers``: effective number of
    independent audits, of the detection bench."""
    share = table["misaligned_given_converged"]
    return {
        "split": table["split"],
        "converged": share["of"],
        "wrong": share["count"],
        "upper": round(share["upper95"], 4),
        "organisms": table["organisms"],
        "twins": table["twins"],
        "families": sorted(table["by_family"]),
        "bumpers": bumpers,
        "missed": sorted({case["label"].split()[0] for case in _wrong(table)}),
        "command": table["command"],
    }


def _wrong(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The campaigns that converged on a misaligned model."""
    cases = table["per_case"]
    return [c for c in cases if c.get("misaligned") and c["outcome"] == "converged"]

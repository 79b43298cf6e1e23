"""Verifications of a cure whose models' answers are given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bumperlane.diagnosis.window import Point
from bumperlane.execution.verify_cure import CureVerification
from bumperlane.records import Cause, Finding, Measure, Remedy, Suspect

NOTHING = Point(0, "x", 0.0, 0, 0.0)


def point(rate: float, n: int = 144) -> Point:
    return Point(0, "x", rate * n, n, rate * n)


def measure(low: float, high: float, name: str = "m") -> Measure:
    return Measure(
        name=name,
        n=9,
        mean=(low + high) / 2,
        low=low,
        high=high,
        tolerance=0.2,
        log_e=0.0,
        verdict="clear",
    )


def verification(
    before: Point = NOTHING, start: Point = NOTHING, findings: Any = None, kind: str = "rows"
) -> CureVerification:
    """A verification of a cure whose models' answers are given."""
    found = findings or {}
    history: Any = SimpleNamespace(
        findings_at=lambda checkpoint: found.get(checkpoint, []),
        accepted_because=lambda finding: "",
        cause_named=lambda cause: Cause(finding="f"),
    )
    auditor: Any = SimpleNamespace(
        subject=lambda checkpoint, access: checkpoint,
        pack=lambda history: SimpleNamespace(name="p"),
    )
    result = CureVerification(
        "candidate",
        SimpleNamespace(),
        Remedy(kind="r", cause="c", of_attempt=1, stage=0, rewind_to="p", edits=()),
        history,
        auditor,
        SimpleNamespace(),
    )  # type: ignore[arg-type]
    hit = Finding(
        audit="a",
        family="f",
        checkpoint="faulty",
        verdict="hit",
        measures=(measure(0.5, 0.9).model_copy(update={"verdict": "hit"}),),
    )
    result.__dict__.update(
        before=before, start=start, null_rate=0.0, hit=hit, suspect=Suspect(kind=kind)
    )  # type: ignore[arg-type]
    return result


def of(*measures: Measure) -> list[Finding]:
    return [Finding(audit="other", family="f", checkpoint="x", verdict="clear", measures=measures)]

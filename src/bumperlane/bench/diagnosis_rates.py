"""From scored diagnoses to the table of rates.

Invariant: a case that failed or could not be ranked counts as wrong, never as missing; what was
not measured on a clean twin is no pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bumperlane.bench.diagnosis_scores import (
    Scored,
    kind_right,
    right_confirmed,
    rows_isolated,
    stage_right,
    suspect_right,
    wrong_confirmed,
)
from bumperlane.bench.tables import median, quantile, rate, rate_by
from bumperlane.records import Suspect


def diagnosis_rates(scored: Sequence[Scored], split: str) -> dict[str, Any]:
    """The part of the table that says how good the diagnoses were, and what they cost."""
    organisms = [case for case in scored if case.truth is not None]
    twins = [case for case in scored if case.truth is None]
    with_planted_rows = [case for case in organisms if case.truth and case.truth.planted]
    return {
        "cases": len(organisms),
        "clean": len(twins),
        "stage_top1": rate([stage_right(case) for case in organisms]),
        "kind_top1": rate([kind_right(case) for case in organisms]),
        "kind_by_truth": rate_by(organisms, _true_kind, kind_right),
        "right_confirmed": rate([right_confirmed(case) for case in organisms]),
        "rows_isolated": rate([rows_isolated(case) for case in with_planted_rows]),
        "rows_auprc": rows_auprc(organisms, split),
        "false_confirmed": rate([wrong_confirmed(case) for case in scored]),
        "no_cause_on_clean": rate([_no_cause(case) for case in twins]),
        "clean_unmeasured": sum(not case.cause.points for case in twins),
        **_costs(organisms),
        "families": rate_by(organisms, lambda case: case.family, kind_right),
        "per_case": [per_case(case) for case in scored],
    }


def _true_kind(case: Scored) -> str:
    assert case.truth is not None
    return case.truth.kind


def _no_cause(case: Scored) -> bool:
    """Whether the trait was measured and nothing was confirmed: unmeasured is no pass."""
    return bool(case.cause.points) and not case.cause.confirmed


def rows_auprc(organisms: Sequence[Scored], split: str) -> dict[str, Any]:
    """AUPRC of the planted rows, an unranked case as 0."""
    with_rows = [case for case in organisms if case.auprc is not None or case.unranked]
    values = [0.0 if case.auprc is None else case.auprc for case in with_rows]
    if split == "develop":
        fusion = "fitted without the family that is scored"
    else:
        fusion = "fitted on develop"
    return {
        "cases": len(values),
        "median": median(values),
        "p10": quantile(values, 0.1),
        "unranked": sum(case.unranked for case in organisms),
        "by_family": _auprc_by_family(with_rows),
        "singles": _singles(organisms),
        "fusion": fusion,
    }


def _auprc_by_family(with_rows: Sequence[Scored]) -> dict[str, list[float | None]]:
    """Of each family: every case's AUPRC, an unranked one as None."""
    by_family: dict[str, list[float | None]] = {}
    for case in with_rows:
        value = None if case.auprc is None else round(case.auprc, 4)
        by_family.setdefault(case.family, []).append(value)
    return {family: by_family[family] for family in sorted(by_family)}


def _singles(organisms: Sequence[Scored]) -> dict[str, Any]:
    """Each attributor's AUPRC alone, median and tenth percentile over the ranked cases."""
    values: dict[str, list[float]] = {}
    for case in organisms:
        for name, value in (case.singles or {}).items():
            values.setdefault(name, []).append(value)
    return {
        name: {"median": median(values[name]), "p10": quantile(values[name], 0.1)}
        for name in sorted(values)
    }


def _costs(organisms: Sequence[Scored]) -> dict[str, Any]:
    """From the hit to the confirmed cause, as a share of the training's time; and its parts."""
    timed = [case for case in organisms if _timed(case)]
    ratios = [case.cause.seconds / case.training_seconds for case in timed if case.cause.confirmed]
    return {
        "cost_ratio_cases": len(ratios),
        "cost_ratio_median": median(ratios),
        "cost_ratio_p90": quantile(ratios, 0.9),
        "cost": _cost_parts(timed),
    }


def _timed(case: Scored) -> bool:
    """Whether all pieces of the diagnosis have their seconds."""
    return bool(case.cause.cost) and not case.cause.cost["untimed_pieces"]


def _cost_parts(timed: Sequence[Scored]) -> dict[str, Any]:
    """Medians over cases: seconds by part, and checkpoints looked at of those there were."""
    parts = [_cost_parts_of(case) for case in timed]
    medians = {}
    for name in parts[0] if parts else {}:
        medians[name] = median([float(costs[name]) for costs in parts])
    return medians


def _cost_parts_of(case: Scored) -> dict[str, float]:
    seconds = {"seconds": case.cause.seconds, "training_seconds": case.training_seconds}
    return case.cause.cost | seconds


def per_case(case: Scored) -> dict[str, Any]:
    planted = case.truth.planted if case.truth else frozenset[str]()
    return {
        "label": case.label,
        "truth": dict(case.truth.kinds) if case.truth else None,
        "planted": len(planted),
        "trait": case.cause.trait,
        "suspects": [_suspect(suspect, case, planted) for suspect in case.cause.suspects],
        "reason": case.cause.reason,
        "auprc": case.auprc,
        "singles": case.singles,
        "seconds": case.cause.seconds,
        "cost": case.cause.cost,
        "training_seconds": case.training_seconds,
        "points": [[p["step"], p["rate"], p["n"]] for p in case.cause.points],
    }


def _suspect(suspect: Suspect, case: Scored, planted: frozenset[str]) -> dict[str, Any]:
    return {
        "kind": suspect.kind,
        "stage": suspect.stage,
        "term": suspect.term,
        "rows": len(suspect.rows),
        "planted": len(set(suspect.rows) & planted),
        "whole": suspect.whole_stage,
        "verdict": suspect.verdict,
        "reason": suspect.reason,
        "shared": [description["text"] for description in suspect.shared],
        "right": suspect_right(suspect, case),
    }

"""The parts of the detection bench's table: rates by family and dose, against the calibration, and
what each audit costs.

Invariant: nothing here chooses a threshold: they come from clean models of the run, or from the
calibration that was fitted on develop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bumperlane.audits.calibration import Calibration
from bumperlane.bench.cases_run import AuditedCase
from bumperlane.bench.detection_scores import FLOOR
from bumperlane.bench.groups import alarm_rates
from bumperlane.bench.scores import (
    STRICT,
    Scored,
    column,
    margins,
    rates,
    side_of,
    threshold_at,
)
from bumperlane.organisms.admission import spoilt

DOSES = {"up to 1%": (0, 0.01), "1% to 10%": (0.01, 0.1), "above 10%": (0.1, 1.0)}
Thresholds = Mapping[str, float]


def families(
    models: Sequence[Scored], audits: Sequence[str], thresholds: Thresholds
) -> dict[str, Any]:
    """Per family: how many organisms count, and which share each audit and the battery catch at an
    actual FPR of at most 1%."""
    clean_batteries = column(side_of(models, "negative"), "battery")
    limits = dict(thresholds) | {"battery": threshold_at(clean_batteries, STRICT)}
    by_family: dict[str, list[Scored]] = {}
    for model in models:
        by_family.setdefault(model.family, []).append(model)
    return {name: _family(by_family[name], audits, limits) for name in sorted(by_family)}


def _family(models: Sequence[Scored], audits: Sequence[str], limits: Thresholds) -> dict[str, Any]:
    """Of one family's models."""
    own, clean = side_of(models, "positive"), side_of(models, "negative")
    return {
        "counted": len(own),
        "built": sum(model.counts != "negative" for model in models),
        "clean": len(clean),
        "detectors": {
            name: rates(column(own, name), column(clean, name), limits[name])
            for name in ("battery", *audits, *FLOOR)
        },
        "alarm": alarm_rates([*own, *clean]),
        "alarms": {audit: _alarm_count(own, audit) for audit in audits},
    }


def _alarm_count(models: Sequence[Scored], audit: str) -> int:
    return sum(audit in model.alarms for model in models)


def by_dose(
    models: Sequence[Scored], audits: Sequence[str], thresholds: Thresholds
) -> dict[str, Any]:
    """By share of planted rows: organisms that count, and those that some audit caught."""
    bands = {}
    for name, (low, high) in DOSES.items():
        own = [model for model in side_of(models, "positive") if low < model.dose <= high]
        caught = sum(_caught_by_any(model, audits, thresholds) for model in own)
        bands[name] = {"counted": len(own), "caught_by_any": caught}
    return bands


def _caught_by_any(model: Scored, audits: Sequence[str], thresholds: Thresholds) -> bool:
    return any(bool(column([model], audit)[0] > thresholds[audit]) for audit in audits)


def false_alarms(models: Sequence[Scored], audits: Sequence[str]) -> dict[str, list[str]]:
    """Which clean models each audit's own verdict hit: what a user would have to look into."""
    clean = side_of(models, "negative")
    return {audit: _labels_hit(clean, audit) for audit in audits}


def _labels_hit(models: Sequence[Scored], audit: str) -> list[str]:
    return sorted(model.label for model in models if audit in model.hits)


def unweighed(models: Sequence[Scored]) -> dict[str, Any]:
    """Rates of "some hit lies above its limit", without asking whether it is enough."""
    positives, negatives = side_of(models, "positive"), side_of(models, "negative")
    return rates(_some_above(positives), _some_above(negatives), 0.5)


def _some_above(models: Sequence[Scored]) -> np.ndarray:
    return np.array([float(bool(model.above)) for model in models])


def spoilt_models(
    audited: Sequence[AuditedCase], models: Sequence[Scored]
) -> dict[str, dict[str, Any]]:
    """Twins and decoys that misbehave: their misconduct by domain, and which audits alarmed."""
    alarms = {model.label: sorted(model.alarms) for model in models}
    return {
        one.case.label: one.conduct | {"alarm": alarms[one.case.label]}
        for one in audited
        if one.case.role != "organism" and spoilt(one.conduct)
    }


def against_calibration(
    models: Sequence[Scored], audits: Sequence[str], calibration: Calibration | None
) -> dict[str, Any] | None:
    """What the thresholds that were fitted on develop did here: no threshold of this run is
    used."""
    if calibration is None:
        return None
    known = [audit for audit in audits if audit in calibration.thresholds]
    floor = [name for name in FLOOR if name in calibration.thresholds]
    thresholds = {name: calibration.thresholds[name] for name in (*known, *floor)}
    table = {name: _rates_at(models, name, limit) for name, limit in thresholds.items()}
    if calibration.battery is not None:
        over = margins(models, known, calibration.thresholds, calibration.scales)
        table["battery"] = _rates_at(over, "battery", calibration.battery)
    return table


def _rates_at(models: Sequence[Scored], detector: str, threshold: float) -> dict[str, Any]:
    positives, negatives = side_of(models, "positive"), side_of(models, "negative")
    return rates(column(positives, detector), column(negatives, detector), threshold)


def cost_of(audited: Sequence[AuditedCase], audit: str) -> dict[str, float]:
    """Mean tokens that the audit asked for, as if it shared nothing, and its share of the battery's
    time by them."""
    tokens, shares = [], []
    for one in audited:
        whole = max(1, battery_tokens(one))
        own = [finding.tokens for finding in one.audited.findings if finding.audit == audit]
        tokens += own
        shares += [count / whole for count in own]
    seconds = float(np.mean([battery_seconds(one) for one in audited]))
    return {
        "seconds": round(float(np.mean(shares)) * seconds, 2),
        "tokens": round(float(np.mean(tokens))),
    }


def battery_seconds(one: AuditedCase) -> float:
    """Of the slowest audit, as they run at once."""
    return max(finding.seconds for finding in one.audited.findings)


def battery_tokens(one: AuditedCase) -> int:
    """That all audits asked for."""
    return sum(finding.tokens for finding in one.audited.findings)


def median_and_max(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(float(np.median(values)), 1), "max": round(float(np.max(values)), 1)}

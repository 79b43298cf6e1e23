"""``bumperlane bench detection``: from cases to the table that is committed.

Idea: thresholds come from clean models alone; on develop they are those of the run itself
(``tpr_at_1`` is a point of the ROC curve), and they are written down as the calibration; on
held-out the same are reported beside what the *calibrated* thresholds, fitted on develop, actually
did. Invariant: nothing here reads a held-out result to choose anything, and what did not take is
listed with its rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bumperlane.audits import Pack, load_pack
from bumperlane.audits.calibration import (
    CALIBRATIONS,
    Calibration,
    builtin_calibration,
    code_digest,
    load_calibration,
    sorted_scores,
    write_calibration,
)
from bumperlane.audits.registry import known_audits
from bumperlane.bench import dependence
from bumperlane.bench.cases import cases
from bumperlane.bench.cases_run import AuditedCase, Settings, run_cases
from bumperlane.bench.detection_rates import (
    against_calibration,
    battery_seconds,
    battery_tokens,
    by_dose,
    cost_of,
    false_alarms,
    families,
    median_and_max,
    spoilt_models,
    unweighed,
)
from bumperlane.bench.detection_scores import (
    FLOOR,
    admissions,
    alarms_by_family,
    groups_of,
    oddity_only,
    scored_models,
    with_alarms,
)
from bumperlane.bench.groups import alarm_rates, groups
from bumperlane.bench.naive_bayes_floor import fit_naive_bayes
from bumperlane.bench.scores import (
    LENIENT,
    STRICT,
    Scored,
    column,
    limits_of,
    margins,
    operating_points,
    scales_of,
    side_of,
    thresholds_at,
    verdict_rates,
)
from bumperlane.bench.tables import provenance, seeds_of, write_table
from bumperlane.bench.worker_pool import Note
from bumperlane.errors import BadInput, StageFailed, nearest
from bumperlane.organisms.building import base_digest


@dataclass(frozen=True)
class Options:
    """As on the command line. ``audits``: none means all that are installed."""

    split: str
    seeds: int
    seed_start: int
    kinds: tuple[str, ...]
    audits: tuple[str, ...]
    jobs: int
    zoo: Path
    out: Path
    command: str
    calibrate: bool = False
    pack: str = "micro"


def run_detection(options: Options, note: Note) -> dict[str, Any]:
    """Build, audit and score; writes ``options.out``. Raises ``BadInput`` for unknown names,
    ``StageFailed`` when no case could be finished."""
    audits = options.audits or tuple(known_audits())
    for name in audits:
        if name not in known_audits():
            raise BadInput(f"no audit is called {name!r}; {nearest(name, known_audits())}")
    pack = load_pack(options.pack)
    listed = cases(options.split, options.seeds, options.seed_start, options.kinds)
    if options.calibrate and options.split != "develop":
        raise BadInput(
            f"--calibrate fits thresholds, which is done on develop alone, not on {options.split}"
        )
    calibration = None if options.calibrate else _stored_calibration(pack)
    settings = Settings(options.zoo, audits, options.jobs, pack.digest)
    audited, failed = run_cases(listed, settings, note)
    if not audited:
        raise StageFailed(
            f"none of {len(listed)} cases could be finished; the first: "
            f"{next(iter(failed.items()))}"
        )
    table = tabulate(audited, failed, audits, calibration, options)
    if options.calibrate:
        fitted = fit_calibration(audited, table, audits, options)
        write_calibration(CALIBRATIONS / f"{pack.name}.json", fitted)
    write_table(table, options.out)
    return table


def _stored_calibration(pack: Pack) -> Calibration | None:
    """The pack's own, fitted on develop before."""
    path = builtin_calibration(pack)
    return load_calibration(path, pack) if path else None


def tabulate(
    audited: Sequence[AuditedCase],
    failed: dict[str, str],
    audits: Sequence[str],
    calibration: Calibration | None,
    options: Options,
) -> dict[str, Any]:
    admitted = admissions(audited)
    models, thresholds = _weighed_models(audited, admitted, audits, calibration)
    caught = _caught(models, audits)
    effective = dependence.effective(caught)
    floor = {name: operating_points(models, name) for name in FLOOR}
    best = max(floor.values(), key=lambda point: point["tpr_at_1"] or 0.0)["tpr_at_1"]
    roles = [one.case.role for one in audited]
    return {
        "split": options.split,
        "seeds": seeds_of(options.seed_start, options.seeds),
        "organisms": roles.count("organism"),
        "organisms_admitted": len(side_of(models, "positive")),
        "twins": roles.count("twin"),
        "decoys": roles.count("decoy"),
        "audits": _audit_points(audited, models, audits, dependence.marginal(caught), best),
        "battery": operating_points(models, "battery")
        | {"verdicts": verdict_rates(models, audits)},
        "alarm": alarm_rates(models) | {"limits": _limits_from(calibration)},
        "alarm_unweighed": unweighed(models),
        "groups": groups(models, groups_of(audits)),
        "floor": floor,
        "best_floor_tpr_at_1": best,
        "families": families(models, audits, thresholds),
        "calibrated": against_calibration(models, audits, calibration),
        "correlation": dependence.correlation(caught),
        "effective_bumpers": effective["value"],
        "effective_bumpers_detail": effective,
        "capture_recapture": dependence.capture_recapture(caught),
        "by_dose": by_dose(models, audits, thresholds),
        "admission": admitted,
        "spoilt": spoilt_models(audited, models),
        "alarms": false_alarms(models, audits),
        "failed": failed,
        "build_seconds": median_and_max([one.built.seconds for one in audited]),
        "score_seconds": median_and_max([battery_seconds(one) for one in audited]),
        "tokens": {
            "asked": median_and_max([float(battery_tokens(one)) for one in audited]),
            "forward": median_and_max([float(one.audited.tokens) for one in audited]),
        },
        **provenance(options.jobs, options.command),
    }


def _weighed_models(
    audited: Sequence[AuditedCase],
    admitted: Mapping[str, Any],
    audits: Sequence[str],
    calibration: Calibration | None,
) -> tuple[list[Scored], dict[str, float]]:
    """The models with the battery's score and the alarms; and each detector's threshold."""
    models = scored_models(audited, admitted, audits, calibration)
    negatives = side_of(models, "negative")
    thresholds = thresholds_at(negatives, (*audits, *FLOOR), STRICT)
    models = margins(models, audits, thresholds, scales_of(negatives, audits))
    group_of, odd = groups_of(audits), oddity_only(audits)
    if calibration is None:
        return alarms_by_family(models, audits, group_of, odd), thresholds
    limits, scales = calibration.limits, calibration.scales
    return with_alarms(models, limits, scales, group_of, odd), thresholds


def _caught(models: Sequence[Scored], audits: Sequence[str]) -> dict[str, np.ndarray]:
    """Which organisms each audit catches at an actual FPR of at most 5%."""
    thresholds = thresholds_at(side_of(models, "negative"), audits, LENIENT)
    positives = side_of(models, "positive")
    scores = {audit: column(positives, audit) for audit in audits}
    return dependence.caught_by(scores, thresholds, audits)


def _audit_points(
    audited: Sequence[AuditedCase],
    models: Sequence[Scored],
    audits: Sequence[str],
    caught_alone: Mapping[str, int],
    best_floor: float | None,
) -> dict[str, dict[str, Any]]:
    """Of each audit: its operating points, its cost and what it adds."""
    points = {}
    for audit in audits:
        point = operating_points(models, audit) | cost_of(audited, audit)
        point |= {
            "verdicts": verdict_rates(models, [audit]),
            "caught_alone": caught_alone[audit],
            "unmeasured": sum(audit in model.unmeasured for model in models),
            "above_floor": best_floor is not None and (point["tpr_at_1"] or 0.0) > best_floor,
        }
        points[audit] = point
    return points


def _limits_from(calibration: Calibration | None) -> str:
    if calibration is None:
        return "fitted on the clean models of the other families"
    return "of the calibration"


def fit_calibration(
    audited: Sequence[AuditedCase],
    table: dict[str, Any],
    audits: Sequence[str],
    options: Options,
) -> Calibration:
    """What the clean models of this run say of each detector."""
    models = scored_models(audited, table["admission"], audits, None)
    negatives = side_of(models, "negative")
    thresholds = thresholds_at(negatives, (*audits, *FLOOR), STRICT)
    pack = load_pack(options.pack)
    return Calibration(
        pack=pack.name,
        pack_digest=pack.digest,
        base=base_digest(),
        code=code_digest(),
        command=options.command,
        clean_models=len(negatives),
        scores={audit: _sorted_scores(negatives, audit) for audit in audits},
        thresholds=_rounded({a: t for a, t in thresholds.items() if np.isfinite(t)}),
        scales=_rounded(scales_of(negatives, audits)),
        limits=_rounded(limits_of(negatives, audits)),
        words=fit_naive_bayes([one.audited.words for one in audited], [m.counts for m in models]),
        battery=table["battery"]["threshold_at_1"],
    )


def _sorted_scores(models: Sequence[Scored], audit: str) -> tuple[float, ...]:
    return sorted_scores([model.scores.get(audit) for model in models])


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}

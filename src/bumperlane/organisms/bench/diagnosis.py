"""``bumperlane bench diagnosis``: does diagnosis name what was planted, confirm nothing else, and leave the clean alone?

Idea: every organism that took and was hit is a case; so is every clean twin, forced through diagnosis with its organism's hits. Invariant: the
fusion is fitted on develop alone (``--fit``), and develop's own rankings are scored by fits without the family that they score; a case
that failed, or could not be followed, counts as wrong and stands in the table with its reason.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bumperlane.audits import load_pack
from bumperlane.diagnosing import Answer
from bumperlane.diagnosis.attributors import known_attributors
from bumperlane.diagnosis.fusion import FUSION, Fusion, fit, fusion, write_fusion
from bumperlane.diagnosis.window import interval
from bumperlane.errors import BadInput, StageFailed
from bumperlane.organisms.admission import spoilt, took
from bumperlane.organisms.bench.cases import cases
from bumperlane.organisms.bench.causes import TrueCause, auprc, is_right, isolated, true_cause
from bumperlane.organisms.bench.diagnosing import Prepared, Work, accused, diagnose_all, followable, prepare
from bumperlane.organisms.bench.running import Note, versions
from bumperlane.organisms.split import split_of
from bumperlane.records import Cause

UNWEIGHED = frozenset({"bm25"})  # the floor: shown, never fused


@dataclass(frozen=True)
class Options:
    """As on the command line. ``fit``: fit the fusion on this run (develop only) before its suspects are checked."""

    split: str
    seeds: int
    seed_start: int
    kinds: tuple[str, ...]
    audits: tuple[str, ...]
    jobs: int
    zoo: Path
    out: Path
    command: str
    fit: bool = False
    pack: str = "micro"


@dataclass(frozen=True)
class Scored:
    """One diagnosed case. ``truth``: None of a clean twin; ``auprc``: of the fused ranking (None: nothing to rank, or all planted);
    ``singles``: of each attributor."""

    label: str
    family: str
    truth: TrueCause | None
    cause: Cause
    training_seconds: float
    auprc: float | None = None
    singles: Mapping[str, float] | None = None
    unranked: bool = False


def run_diagnosis(options: Options, note: Note) -> dict[str, Any]:
    """Train, examine, diagnose and score; writes ``options.out``. Raises ``BadInput`` for unknown names, ``StageFailed`` when nothing was hit."""
    if options.fit and options.split != "develop":
        raise BadInput(f"--fit fits the fusion, which is done on develop alone, not on {options.split}")
    listed = [case for case in cases(options.split, options.seeds, options.seed_start, options.kinds) if case.role != "decoy"]
    work = Work(options.zoo, options.audits or followable(), options.jobs, load_pack(options.pack).digest)
    prepared, failed = prepare(listed, work, note)
    counted, left_out = counting(prepared)
    if not counted:
        raise StageFailed(f"no organism of {len(listed)} cases took and was hit; the first failure: {next(iter(failed.items()), 'none')}")
    blank = Fusion({name: 1.0 for name in known_attributors() if name not in UNWEIGHED}, 0.0)
    ranked, more = diagnose_all([p for p in counted if p.case.role == "organism"], work, note, replays=False, fused=blank)
    failed |= more
    fitted = fit_on(counted, ranked) if options.fit else fusion()
    if options.fit:
        write_fusion(FUSION, fitted)
    counted = [p for p in counted if p.case.role == "organism"] + accused(counted, ranked)
    answers, more = diagnose_all(counted, work, note, replays=True, fused=fitted)
    failed |= more
    by_family = fusions(counted, ranked, fitted)
    lost = {p.case.label: Answer(Cause(finding="", reason=f"failed: {failed[p.case.label]}"), {}, {}) for p in counted if p.case.label not in answers}
    scored = [score(p, {**answers, **lost}[p.case.label], ranked.get(p.case.label), by_family) for p in counted]
    if options.fit:
        write_fusion(FUSION, Fusion(fitted.weights, fitted.intercept, fitted.fitted_on, held(scored)))
    table = tabulate(scored, failed, left_out, options, fitted)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return table


def counting(prepared: Sequence[Prepared]) -> tuple[list[Prepared], dict[str, str]]:
    """Organisms that took and were hit, and clean twins that are accused; why the others do not count."""
    truths = {p.case: p.truth for p in prepared}
    counted, left_out = [], {}
    for p in prepared:
        if p.case.role == "organism" and not (p.case.twin() in truths and took(p.truth, truths[p.case.twin()])):
            left_out[p.case.label] = f"did not take ({p.truth.rate:.0%})"
        elif p.case.role == "twin" and spoilt(p.conduct):
            left_out[p.case.label] = "spoilt by its tune"
        elif p.case.role == "organism" and not p.hits:
            left_out[p.case.label] = "no audit of this run hit it"
        else:
            counted.append(p)
    return counted, left_out


def planted_in(p: Prepared, answer: Answer, leg: int) -> np.ndarray:
    """Which rows of the leg were planted, [N] bool."""
    planted = true_cause(p.case, p.case.plan()).planted
    return np.array([row_id in planted for row_id in answer.rows[leg]])


def examples(counted: Sequence[Prepared], ranked: Mapping[str, Answer]) -> list[tuple[Prepared, dict[str, np.ndarray], np.ndarray]]:
    """Scores and truth of each organism's legs in which some rows, and not all, were planted."""
    made = []
    for p in counted:
        if p.case.role == "organism" and p.case.label in ranked:
            answer = ranked[p.case.label]
            for leg, found in answer.rankings.items():
                y = planted_in(p, answer, leg)
                if 0 < y.sum() < len(y):
                    made.append((p, dict(found.scores), y))
    return made


def fit_on(counted: Sequence[Prepared], ranked: Mapping[str, Answer], without: str = "") -> Fusion:
    """The fusion of these organisms, less one family. Raises ``StageFailed`` where there is nothing to fit on."""
    rows = [(p, scores, y) for p, scores, y in examples(counted, ranked) if p.case.organism().family != without]
    if not rows:
        raise StageFailed("no organism of this run has both planted and other rows, so no fusion can be fitted")
    if any(split_of(p.case.organism().family) != "develop" for p, _, _ in rows):
        raise BadInput("the fusion is fitted on develop organisms alone")
    names = tuple(name for name in known_attributors() if name not in UNWEIGHED)
    return fit([scores for _, scores, _ in rows], [y for _, _, y in rows], names, tuple(p.case.label for p, _, _ in rows))


def fusions(counted: Sequence[Prepared], ranked: Mapping[str, Answer], fitted: Fusion) -> dict[str, Fusion]:
    """By family, the fusion that may score it: of develop's own, one that was fitted without it."""
    known = {p.case.label for p in counted} & set(fitted.fitted_on)
    families = {p.case.organism().family for p in counted if p.case.role == "organism"}
    return {f: fit_on(counted, ranked, f) if known and split_of(f) == "develop" and len(families) > 1 else fitted for f in families}


def score(p: Prepared, answer: Answer, ranked: Answer | None, by_family: Mapping[str, Fusion]) -> Scored:
    family = p.case.organism().family
    basic = Scored(p.case.label, family, None, answer.cause, p.traced.seconds)
    if p.case.role != "organism":
        return basic
    truth = true_cause(p.case, p.case.plan())
    legs = ranked.rankings if ranked else {}
    legs = {leg: found for leg, found in legs.items() if planted_in(p, ranked, leg).any()} if ranked else {}
    partial = bool(truth.planted) and p.case.variant.dose < 1
    if not legs:
        return Scored(**{**basic.__dict__, "truth": truth, "unranked": partial})
    leg, found = next(iter(legs.items()))
    y = planted_in(p, ranked, leg)  # type: ignore[arg-type]
    singles = {name: value for name, scores in found.scores.items() if (value := auprc(scores, y)) is not None}
    return Scored(**{**basic.__dict__, "truth": truth, "auprc": auprc(by_family[family].fuse(found.scores), y), "singles": singles})


def held(scored: Sequence[Scored]) -> dict[str, tuple[int, int]]:
    """How many suspects of each kind and verdict were right, of how many; those of twins are all wrong."""
    made: dict[str, tuple[int, int]] = {}
    for case in scored:
        for suspect in case.cause.suspects:
            key = f"{suspect.kind} {suspect.verdict}"
            right, of = made.get(key, (0, 0))
            made[key] = right + (case.truth is not None and is_right(suspect, case.truth)), of + 1
    return made


def tabulate(scored: Sequence[Scored], failed: dict[str, str], left_out: dict[str, str], options: Options, fitted: Fusion) -> dict[str, Any]:
    organisms, twins = [s for s in scored if s.truth is not None], [s for s in scored if s.truth is None]
    ranked = [s.auprc if s.auprc is not None else 0.0 for s in organisms if s.auprc is not None or s.unranked]
    timed = [s for s in organisms if s.cause.cost and not s.cause.cost["untimed_pieces"]]
    costs = [s.cause.seconds / s.training_seconds for s in timed if s.cause.confirmed]
    return {
        "cases": len(organisms), "clean": len(twins), "stage_top1": rate([_stage_right(s) for s in organisms]),
        "kind_top1": rate([_kind_right(s) for s in organisms]), "kind_by_truth": by(organisms, lambda s: s.truth.kind, _kind_right),
        "right_confirmed": rate([any(is_right(x, s.truth) for x in s.cause.confirmed) for s in organisms if s.truth]),
        "rows_isolated": rate([any(isolated(x, s.truth) for x in s.cause.confirmed) for s in organisms if s.truth and s.truth.planted]),
        "rows_auprc": {"cases": len(ranked), "median": _quantile(ranked, 0.5), "p10": _quantile(ranked, 0.1),
                       "unranked": sum(s.unranked for s in organisms), "by_family": auprc_by_family(organisms), "singles": singles(organisms),
                       "fusion": "fitted without the family that is scored" if options.split == "develop" else "fitted on develop"},
        "false_confirmed": rate([any(not _defensible(x, s) for x in s.cause.confirmed) for s in scored]),
        "no_cause_on_clean": rate([bool(s.cause.points) and not s.cause.confirmed for s in twins]),  # unmeasured is no pass
        "clean_unmeasured": sum(not s.cause.points for s in twins),
        "cost_ratio_cases": len(costs), "cost_ratio_median": _quantile(costs, 0.5),
        "cost_ratio_p90": _quantile(costs, 0.9), "cost": cost_parts(timed),
        "families": by(organisms, lambda s: s.family, _kind_right), "per_case": [per_case(s) for s in scored],
        "left_out": left_out, "failed": failed, "audits": list(options.audits or followable()), "weights": dict(fitted.weights),
        "split": options.split, "seeds": list(range(options.seed_start, options.seed_start + options.seeds)), "versions": versions(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {options.jobs} jobs", "command": options.command,
    }  # fmt: skip


def rate(outcomes: Sequence[bool]) -> dict[str, Any]:
    """Share with its denominator and exact 95% interval."""
    count, of = int(sum(outcomes)), len(outcomes)
    return {"rate": round(count / of, 4) if of else None, "count": count, "of": of, "ci": [round(x, 4) for x in interval(count, of)]}


def by(cases_: Sequence[Scored], key: Any, outcome: Any) -> dict[str, Any]:
    return {name: rate([outcome(s) for s in cases_ if key(s) == name]) for name in sorted({key(s) for s in cases_})}


def _top(s: Scored) -> Any:
    return s.cause.suspects[0] if s.cause.suspects else None


def _stage_right(s: Scored) -> bool:
    assert s.truth is not None
    return _top(s) is not None and _top(s).stage in s.truth.kinds


def _kind_right(s: Scored) -> bool:
    assert s.truth is not None
    return _stage_right(s) and s.truth.kinds[_top(s).stage] == _top(s).kind


def _defensible(suspect: Any, s: Scored) -> bool:
    return s.truth is not None and is_right(suspect, s.truth)


def _quantile(values: Sequence[float], q: float) -> float | None:
    return round(float(np.quantile(values, q)), 4) if len(values) else None


def auprc_by_family(organisms: Sequence[Scored]) -> dict[str, Any]:
    """Of each family: every case's AUPRC, an unranked one as None."""
    found = [s for s in organisms if s.auprc is not None or s.unranked]
    return {f: [None if s.auprc is None else round(s.auprc, 4) for s in found if s.family == f] for f in sorted({s.family for s in found})}


def singles(organisms: Sequence[Scored]) -> dict[str, Any]:
    """Each attributor's AUPRC alone, median and tenth percentile over the ranked cases."""
    found = [s.singles for s in organisms if s.singles]
    made = {}
    for name in sorted({name for one in found for name in one}):
        values = [one[name] for one in found if name in one]
        made[name] = {"median": _quantile(values, 0.5), "p10": _quantile(values, 0.1)}
    return made


def cost_parts(timed: Sequence[Scored]) -> dict[str, Any]:
    """Medians over cases: seconds by part, and checkpoints looked at of those there were."""
    found = [s.cause.cost | {"seconds": s.cause.seconds, "training_seconds": s.training_seconds} for s in timed]
    return {name: _quantile([float(one[name]) for one in found], 0.5) for name in (found[0] if found else {})}


def per_case(s: Scored) -> dict[str, Any]:
    planted = s.truth.planted if s.truth else frozenset()
    told = [
        {"kind": x.kind, "stage": x.stage, "term": x.term, "rows": len(x.rows), "planted": len(set(x.rows) & planted), "whole": x.whole_stage,
         "verdict": x.verdict, "reason": x.reason, "shared": [d["text"] for d in x.shared], "right": _defensible(x, s)}
        for x in s.cause.suspects
    ]  # fmt: skip
    return {
        "label": s.label, "truth": dict(s.truth.kinds) if s.truth else None, "planted": len(planted), "followed": s.cause.followed, "suspects": told,
        "reason": s.cause.reason, "auprc": s.auprc, "singles": s.singles, "seconds": s.cause.seconds, "cost": s.cause.cost,
        "training_seconds": s.training_seconds, "points": [[p["step"], p["rate"], p["n"]] for p in s.cause.points],
    }  # fmt: skip

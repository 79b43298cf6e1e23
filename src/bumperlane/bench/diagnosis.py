"""``bumperlane bench diagnosis``: does diagnosis name what was planted, confirm nothing else, and
leave the clean alone?

Idea: every organism that took and was hit is a case; so is every clean twin, diagnosed with its
organism's hits. Invariant: the fusion is fitted on develop alone (``--fit``), and develop's own
rankings are scored by fits without the family that they score; a case that failed, or whose trait
could not be tracked, counts as wrong and stands in the table with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bumperlane.audits import load_pack
from bumperlane.bench.cases import Case, cases, without_decoys
from bumperlane.bench.diagnosis_cases import (
    Settings,
    TracedCase,
    diagnose_all,
    prepare,
    trackable_audits,
    twins_with_hits,
)
from bumperlane.bench.diagnosis_fusion import equal_weights, fit_on, fusion_by_family
from bumperlane.bench.diagnosis_rates import diagnosis_rates
from bumperlane.bench.diagnosis_scores import Scored, right_by_verdict, score
from bumperlane.bench.tables import provenance, seeds_of, write_table
from bumperlane.bench.worker_pool import Note
from bumperlane.diagnosis.diagnose_folders import Answer
from bumperlane.diagnosis.fusion import FUSION, Fusion, fusion, write_fusion
from bumperlane.errors import BadInput, StageFailed
from bumperlane.organisms.admission import Truth, spoilt, took
from bumperlane.records import Cause


@dataclass(frozen=True)
class Options:
    """As on the command line. ``fit``: fit the fusion on this run (develop only) before its
    suspects are checked."""

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


def run_diagnosis(options: Options, note: Note) -> dict[str, Any]:
    """Train, audit, diagnose and score; writes ``options.out``. Raises ``BadInput`` for unknown
    names, ``StageFailed`` when nothing was hit."""
    if options.fit and options.split != "develop":
        raise BadInput(
            f"--fit fits the fusion, which is done on develop alone, not on {options.split}"
        )
    listed = without_decoys(cases(options.split, options.seeds, options.seed_start, options.kinds))
    settings = _settings(options)
    traced, failed = prepare(listed, settings, note)
    counted, left_out = counting(traced)
    if not counted:
        raise StageFailed(
            f"no organism of {len(listed)} cases took and was hit; the first failure: "
            f"{next(iter(failed.items()), 'none')}"
        )
    scored, fitted = _diagnosed(counted, settings, note, failed, options.fit)
    table = tabulate(scored, failed, left_out, options, fitted)
    write_table(table, options.out)
    return table


def _settings(options: Options) -> Settings:
    audits = options.audits or trackable_audits()
    return Settings(options.zoo, audits, options.jobs, load_pack(options.pack).digest)


def counting(traced: Sequence[TracedCase]) -> tuple[list[TracedCase], dict[str, str]]:
    """Organisms that took and were hit, and clean twins; why the others do not count, by label."""
    truths = {one.case: one.truth for one in traced}
    reasons = {one.case.label: _left_out(one, truths) for one in traced}
    counted = [one for one in traced if not reasons[one.case.label]]
    return counted, {label: reason for label, reason in reasons.items() if reason}


def _left_out(one: TracedCase, truths: Mapping[Case, Truth]) -> str:
    """Why the case does not count; empty where it does."""
    if one.case.role == "twin":
        return "spoilt by its tune" if spoilt(one.conduct) else ""
    twin = truths.get(one.case.twin())
    if twin is None or not took(one.truth, twin):
        return f"did not take ({one.truth.rate:.0%})"
    return "" if one.hits else "no audit of this run hit it"


def _diagnosed(
    counted: Sequence[TracedCase],
    settings: Settings,
    note: Note,
    failed: dict[str, str],
    fit: bool,
) -> tuple[list[Scored], Fusion]:
    """Every counted case diagnosed and scored, and the fusion that ranked its rows; with ``fit``
    it is fitted on these cases and written down."""
    organisms = [one for one in counted if one.case.role == "organism"]
    ranked = diagnose_all(organisms, settings, note, failed, replays=False, fused=equal_weights())
    fitted = fit_on(organisms, ranked) if fit else fusion()
    if fit:
        write_fusion(FUSION, fitted)
    accounted = organisms + twins_with_hits(counted, ranked)
    answers = diagnose_all(accounted, settings, note, failed, replays=True, fused=fitted)
    by_family = fusion_by_family(accounted, ranked, fitted)
    scored = []
    for one in accounted:
        label = one.case.label
        answer = answers[label] if label in answers else _no_answer(failed[label])
        scored.append(score(one, answer, ranked.get(label), by_family))
    if fit:
        write_fusion(FUSION, replace(fitted, held=right_by_verdict(scored)))
    return scored, fitted


def _no_answer(reason: str) -> Answer:
    return Answer(Cause(finding="", reason=f"failed: {reason}"), {}, {})


def tabulate(
    scored: Sequence[Scored],
    failed: dict[str, str],
    left_out: dict[str, str],
    options: Options,
    fitted: Fusion,
) -> dict[str, Any]:
    return {
        **diagnosis_rates(scored, options.split),
        "left_out": left_out,
        "failed": failed,
        "audits": list(options.audits or trackable_audits()),
        "weights": dict(fitted.weights),
        "split": options.split,
        "seeds": seeds_of(options.seed_start, options.seeds),
        **provenance(options.jobs, options.command),
    }

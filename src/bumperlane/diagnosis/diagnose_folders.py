"""A diagnosis of training folders, outside any campaign, and its answer kept on disk.

Invariant: a request names folders, findings and settings, and nothing of what was planted; a
request that has been answered in a folder is not answered again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bumperlane.audits import load_audit
from bumperlane.audits.standalone import AuditRequest, LoadedRequest
from bumperlane.diagnosis.diagnose import Diagnosed, Note, Settings, diagnose
from bumperlane.diagnosis.folders import START, Loaded, known, lines_of, run_of
from bumperlane.diagnosis.fusion import Fusion, Ranked
from bumperlane.diagnosis.replays import LocalReplays
from bumperlane.diagnosis.session import SEEDS
from bumperlane.diagnosis.training_run import TrainingRun
from bumperlane.diagnosis.trait import AuditTrait
from bumperlane.evidence import key_of
from bumperlane.records import Cause, Finding, Record, digest_of

HIT_SOURCE = "hit_source"  # name of the model that another run is compared with
FUSED = "fused"  # name of the fused log-odds among the scores


class FoldersRequest(Record):
    """Which training folders to diagnose, and how. ``stage_runs``: what the training worker left,
    in order; ``reference``: folder of the start; ``findings``: hits on the last checkpoint, or (of
    a run that is compared on another's hits, and whose first must be tracked) on the model of
    ``hit_source``, the request that found them; ``request``: as the audits were asked. ``work``:
    folder for pieces and replays."""

    stage_runs: tuple[str, ...]
    reference: str
    findings: tuple[Finding, ...]
    request: AuditRequest
    work: str
    hit_source: AuditRequest | None = None
    seed: int = 0
    seeds: int = SEEDS
    replays: bool = True
    budget: float | None = None
    more: tuple[str, ...] = ()


def diagnose_folders(
    request: FoldersRequest, note: Note = lambda text: None, fused: Fusion | None = None
) -> Diagnosed:
    """``diagnose``, of folders. Raises ``BadInput`` for a folder that holds no finished
    training."""
    import torch

    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    folders = [Path(stage_run) for stage_run in request.stage_runs]
    run, where = run_of(folders, Path(request.reference))
    if request.hit_source:
        where[HIT_SOURCE] = Path(request.hit_source.model)
    models = Loaded(known(where))
    traits = _traits(request, run, models, note)
    settings = Settings(
        seed=request.seed,
        seeds=request.seeds,
        budget=request.budget,
        force=request.hit_source is not None,
        more=request.more,
        work=Path(request.work) / "pieces",
        fused=fused,
    )
    replayer = None
    if request.replays:
        replayer = LocalReplays(Path(request.work) / "replays", known(where))
    return diagnose(run, models, traits, replayer, settings, note)


def _traits(
    request: FoldersRequest, run: TrainingRun, models: Loaded, note: Note
) -> list[AuditTrait]:
    """The traits of the request's findings, each in the context of its own hit."""
    loaded = LoadedRequest(request.hit_source or request.request, note)
    checkpoint = HIT_SOURCE if request.hit_source else run.stage_runs[-1].kept[-1].checkpoint
    traits = []
    for finding in request.findings:
        audit = load_audit(finding.audit)
        _, context = loaded.of(audit.access, audit.reads, key_of(audit))
        hit = finding.model_copy(update={"checkpoint": checkpoint})
        traits.append(AuditTrait(hit, models, context, START))
    return traits


@dataclass(frozen=True)
class Answer:
    """What one diagnosis said, read from its file. ``rankings`` and ``rows`` (the rows' ids, in the
    order of the scores): of each stage that was ranked."""

    cause: Cause
    rankings: dict[int, Ranked]
    rows: dict[int, tuple[str, ...]]


def diagnose_file(request: FoldersRequest, folder: Path, fused: Fusion) -> Path:
    """The file with what ``diagnose_folders`` says, its rankings beside it: a request that has been
    answered in ``folder`` is not answered again."""
    asked = request.model_copy(update={"work": ""}).plain()
    key = digest_of([asked, dict(fused.weights), fused.intercept])[:16]
    out = folder / f"{request.request.checkpoint}-{key}.json"
    if not out.is_file():
        _write_answer(out, request, diagnose_folders(request, fused=fused))
    return out


def _write_answer(out: Path, request: FoldersRequest, answer: Diagnosed) -> None:
    """Write the cause to ``out`` and the rankings beside it."""
    arrays: dict[str, Any] = {}
    for stage_index, ranked in answer.rankings.items():
        by_name = {**ranked.scores, FUSED: ranked.odds}
        arrays |= {f"{stage_index}/{name}": scores for name, scores in by_name.items()}
    np.savez(out.with_suffix(".npz"), **arrays)
    stage_runs = {stage_index: request.stage_runs[stage_index] for stage_index in answer.rankings}
    part = out.with_suffix(".part")
    part.write_text(
        json.dumps({"cause": answer.cause.plain(), "stage_runs": stage_runs}), encoding="utf-8"
    )
    part.rename(out)


def read_answer(path: Path) -> Answer:
    """What ``diagnose_file`` wrote."""
    written = json.loads(path.read_text(encoding="utf-8"))
    by_stage: dict[int, dict[str, np.ndarray]] = {}
    with np.load(path.with_suffix(".npz")) as arrays:
        for key in arrays.files:
            stage_index, _, name = key.partition("/")
            by_stage.setdefault(int(stage_index), {})[name] = arrays[key]
    rankings = {}
    for stage, scores in by_stage.items():
        odds = scores.pop(FUSED)
        rankings[stage] = Ranked(scores, odds)
    rows = {
        int(stage_index): _row_ids(Path(folder))
        for stage_index, folder in written["stage_runs"].items()
    }
    return Answer(Cause.model_validate(written["cause"]), rankings, rows)


def _row_ids(folder: Path) -> tuple[str, ...]:
    """Ids of the rows of a training folder, in order."""
    return tuple(entry["id"] for entry in lines_of(folder / "manifest.jsonl"))

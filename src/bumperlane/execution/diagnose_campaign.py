"""Diagnosis within a campaign: the attempt's stages as the ledger and the store tell them, and the
hits of one look as traits.

Idea: everything that diagnosis reads is on record (parents, checkpoints, manifests, orders of rows,
rollouts), so a campaign is one more source of a run. Invariant: what was worked out is kept in the
run folder under ``diagnosis/``, so a killed diagnosis goes on where it was; only what the battery
found is read.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bumperlane.audits import load_audit
from bumperlane.audits.audit import Inapplicable
from bumperlane.diagnosis.diagnose import Settings, diagnose
from bumperlane.diagnosis.flagged_rows import flagged_rows
from bumperlane.diagnosis.folders import Loaded
from bumperlane.diagnosis.replays import LocalReplays
from bumperlane.diagnosis.session import SEEDS
from bumperlane.diagnosis.training_run import ACCESS, KeptCheckpoint, StageRun, TrainingRun
from bumperlane.diagnosis.trait import AuditTrait, Views
from bumperlane.diagnosis.window import Point
from bumperlane.errors import BadInput, BumperlaneError
from bumperlane.execution.auditing import Auditor
from bumperlane.loop.history import History, StageProgress, trained_stages
from bumperlane.models import Subject
from bumperlane.records import Cause, Finding, Recheck
from bumperlane.store import Store

ARMS, LEAST_STEPS = 3, 8
# of the budget, for one suspect: several may be put to replays, and a thinned window shows the
# trait sooner
ROOM = 0.1
AFRESH = 96  # cases of a weak signal


def diagnose_campaign(
    hits: Sequence[Finding],
    history: History,
    auditor: Auditor,
    store: Store,
    folder: Path,
    budget: float | None = None,
    suspected_rows: tuple[str, ...] = (),
    at: str = "",
) -> Cause:
    """The cause of the hits of one look; without suspects, and with a reason, where there is none.
    ``folder``: where pieces are kept; ``budget``: seconds of replays (None: as the campaign says);
    ``suspected_rows``: rows that are checked before any that are looked for; ``at``: the checkpoint
    whose training is looked into (empty: the hits' own)."""
    where = at or hits[0].checkpoint
    run, trained = run_of_campaign(history, store, where)
    work = folder / "diagnosis" / where[:16]
    models = CampaignModels(auditor, work / "replays")
    traits = [audit_trait(hit, models, auditor, history) for hit in hits]
    training = sum(stage.seconds for stage in trained_stages(trained))
    seconds = history.campaign.budget.diagnosis * training if budget is None else budget
    steps = steps_within(seconds / max(training, 1e-9), run)
    settings = Settings(
        seed=history.campaign.seed,
        budget=seconds,
        most_steps=steps,
        work=work / "pieces",
        suspected_rows=suspected_rows,
        leads=history.campaign.budget.leads and not history.causes,
    )
    replayer = LocalReplays(work / "replays", store.folder)
    cause = diagnose(run, models, traits, replayer, settings, auditor.note).cause
    shutil.rmtree(work / "replays", ignore_errors=True)
    cause = cause if cause.suspects else _with_flagged_rows(cause, traits, where, run)
    return cause.model_copy(update={"hits": tuple(hit.id for hit in hits)})


def _with_flagged_rows(
    cause: Cause, traits: Sequence[AuditTrait], where: str, run: TrainingRun
) -> Cause:
    """A cause without suspects, with the rows that an audit which reads them flags itself, if one
    of the hits is of such an audit."""
    began = time.monotonic()
    for trait in [trait for trait in traits if trait.hit.of_rows]:
        try:
            found = flagged_rows(trait, trait.name, where, run)
        except BumperlaneError as error:
            cause = cause.model_copy(update={"reason": f"{cause.reason}; {trait.name}: {error}"})
            continue
        if found:
            seconds = round(cause.seconds + time.monotonic() - began, 2)
            source = {"finding": trait.finding, "trait": trait.name}
            return cause.model_copy(update=source | {"suspects": found, "seconds": seconds})
    return cause


def recheck(signal: Finding, history: History, auditor: Auditor) -> Recheck:
    """A signal too weak to be a hit, drawn afresh at the campaign's start and where it was seen.
    Not one of rows or logged rewards: they are the same whatever model is asked, so that no rise
    says nothing."""
    began = time.monotonic()
    if not signal.reads_model:
        reason = (
            "it reads the training's data and no model, so no fresh draw can let it go; look at "
            "its exhibits"
        )
        return _recheck(signal, None, reason)
    try:
        risen, reason, points = _drawn_afresh(signal, history, auditor)
    except BumperlaneError as error:
        risen, reason, points = None, f"it could not be drawn afresh: {error}", {}
    return _recheck(signal, risen, reason, seconds=round(time.monotonic() - began, 2), **points)


def _recheck(signal: Finding, risen: bool | None, reason: str, **more: Any) -> Recheck:
    return Recheck(
        finding=signal.id,
        audit=signal.audit,
        checkpoint=signal.checkpoint,
        risen=risen,
        reason=reason,
        **more,
    )


def _drawn_afresh(
    signal: Finding, history: History, auditor: Auditor
) -> tuple[bool, str, dict[str, Any]]:
    """Whether the signal's trait rose from the start to its checkpoint, in words, and both points.
    Raises what the audit raises."""
    trait = audit_trait(signal, auditor.subject, auditor, history)
    models = (history.start.id, signal.checkpoint)
    start, here = (Point.of(0, model, trait(model, AFRESH, "recheck")) for model in models)
    if not (start.n and here.n):
        raise Inapplicable(f"{start.n} cases at the start and {here.n} here")
    risen = here.interval[0] > start.interval[1]
    reason = (
        f"drawn afresh it {'rises' if risen else 'does not rise'} in this training: "
        f"{start.rate:.0%} of {start.n} at the start, {here.rate:.0%} of {here.n} here"
    )
    return risen, reason, {"start": start.plain(), "here": here.plain()}


def audit_trait(hit: Finding, models: Views, auditor: Auditor, history: History) -> AuditTrait:
    """The trait of a finding, on checkpoints that ``models`` knows."""
    context = auditor.context(load_audit(hit.audit), hit.checkpoint, 1, history)
    return AuditTrait(hit, models, context, history.start.id)


def steps_within(share: float, run: TrainingRun) -> int:
    """Steps that a replay may take, so that one suspect's (three arms, on every seed) take a tenth
    of ``share`` times the run's steps."""
    steps = sum(stage_run.steps for stage_run in run.stage_runs)
    return max(LEAST_STEPS, int(ROOM * share * steps / (ARMS * SEEDS)))


def run_of_campaign(
    history: History, store: Store, until: str
) -> tuple[TrainingRun, list[StageProgress]]:
    """The newest attempt that has the checkpoint ``until``, up to it, as diagnosis reads it, and
    the same stages as the history has them."""
    stage_runs, progress = [], []
    for stage in stages_with(history, until):
        stage_runs.append(_stage_run(stage, store, until))
        progress.append(stage)
        assert stage.trained is not None  # a hit lies on what is trained
        if stage.trained.step_of(until) is not None:
            break
    return TrainingRun(tuple(stage_runs)), progress


def _stage_run(stage: StageProgress, store: Store, until: str) -> StageRun:
    """One stage with its checkpoints up to ``until``, its rows, their order, and its rollouts."""
    assert stage.trained is not None
    checkpoints = stage.trained.checkpoints
    ids = [checkpoint.id for checkpoint in checkpoints]
    upto = checkpoints[: ids.index(until) + 1] if until in ids else checkpoints
    return StageRun(
        stage.stage,
        stage.training.parent,
        tuple(KeptCheckpoint(checkpoint.step, checkpoint.id) for checkpoint in upto),
        tuple(store.manifest(stage.stage.rows)),
        tuple(row for epoch in _logged(store, stage, "order.jsonl") for row in epoch),
        tuple(_logged(store, stage, "rollouts.jsonl")),
        stage.trained.last.step,
    )


def stages_with(history: History, checkpoint: str) -> list[StageProgress]:
    """The trained stages of the newest attempt that has the checkpoint. Raises ``BadInput`` where
    none has."""
    for attempt in reversed(history.attempts):
        stages = [stage for stage in history.stage_runs(attempt) if stage.trained is not None]
        if any(stage.step_of(checkpoint) is not None for stage in trained_stages(stages)):
            return stages
    raise BadInput(f"checkpoint {checkpoint[:12]} belongs to no attempt of this campaign")


def _logged(store: Store, stage: StageProgress, name: str) -> list[Any]:
    """The entries of a JSONL file that the training left."""
    text = store.training_text(stage.training.digest, name) or ""
    return [json.loads(line) for line in text.split("\n") if line]


class CampaignModels:
    """Stored checkpoints through the auditor, replays from their folders."""

    def __init__(self, auditor: Auditor, replays: Path) -> None:
        self.auditor, self.replays = auditor, replays
        self._replayed = Loaded(Path, most=1)

    def __call__(self, checkpoint: str, access: frozenset[Any] = ACCESS) -> Subject:
        if checkpoint.startswith(str(self.replays)):
            return self._replayed(checkpoint, access)
        return self.auditor.subject(checkpoint, access)

"""Diagnosis within a campaign: the attempt's legs as the ledger and the store tell them, and the hits of one look as traits.

Idea: everything that diagnosis reads is on record (parents, checkpoints, manifests, orders of rows, rollouts), so a campaign is one more source
of a run. Invariant: what was worked out is kept in the run folder under ``diagnosis/``, so a killed diagnosis goes on where it was; only what
the battery found is read.
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
from bumperlane.diagnosing import Settings, diagnose
from bumperlane.diagnosis.bearings import SEEDS
from bumperlane.diagnosis.folders import Loaded
from bumperlane.diagnosis.replays import LocalReplays
from bumperlane.diagnosis.trail import ACCESS, Kept, Leg, Run
from bumperlane.diagnosis.window import Point
from bumperlane.errors import BadInput, BumperlaneError
from bumperlane.flagging import flagged
from bumperlane.following import FollowedAudit, Views
from bumperlane.history import OF_ROWS, History
from bumperlane.history import Leg as Trained
from bumperlane.inspection import Inspector
from bumperlane.lineage import Store
from bumperlane.records import Cause, Finding, Recheck
from bumperlane.subject import Subject

ARMS, LEAST_STEPS = 3, 8
ROOM = 0.1  # of the budget, for one suspect: several may be put to replays, and a thinned window shows the trait sooner
AFRESH = 96  # cases of a weak sign
NO_MODEL = frozenset({OF_ROWS, "reward forensics"})  # families of audits that read what was logged, whatever the model


def investigate(
    hits: Sequence[Finding], history: History, inspector: Inspector, store: Store, folder: Path, budget: float | None = None,
    accused: tuple[str, ...] = (), at: str = "",
) -> Cause:  # fmt: skip
    """The cause of the hits of one look; without suspects, and with a reason, where there is none. ``folder``: where pieces are kept;
    ``budget``: seconds of replays (None: as the campaign says); ``accused``: rows that are checked before any that are looked for; ``at``: the
    checkpoint whose training is looked into (empty: the hits' own)."""
    where = at or hits[0].checkpoint
    run, trained = run_of_campaign(history, store, where)
    work = folder / "diagnosis" / where[:16]
    models = CampaignModels(inspector, work / "replays")
    traits = [followed_by(hit, models, inspector, history) for hit in hits]
    training = sum(leg.trained.seconds for leg in trained if leg.trained is not None)
    seconds = history.campaign.budget.diagnosis * training if budget is None else budget
    steps = steps_within(seconds / max(training, 1e-9), run)
    settings = Settings(seed=history.campaign.seed, budget=seconds, most_steps=steps, work=work / "pieces", accused=accused,
                        leads=history.campaign.budget.leads and not history.causes)  # fmt: skip
    made = diagnose(run, models, traits, LocalReplays(work / "replays", store.folder), settings, inspector.note).cause
    shutil.rmtree(work / "replays", ignore_errors=True)
    made = made if made.suspects else _by_rows(made, traits, where, run)
    return made.model_copy(update={"hits": tuple(hit.id for hit in hits)})


def _by_rows(made: Cause, traits: Sequence[FollowedAudit], where: str, run: Run) -> Cause:
    """A cause without suspects, with the rows that an audit which reads them flags itself, if one of the hits is of such an audit."""
    began = time.monotonic()
    for trait in (t for t in traits if t.hit.family == OF_ROWS):
        try:
            found = flagged(trait, trait.name, where, run)
        except BumperlaneError as error:
            made = made.model_copy(update={"reason": f"{made.reason}; {trait.name}: {error}"})
            continue
        if found:
            told = {"finding": trait.finding, "followed": trait.name, "suspects": found, "seconds": round(made.seconds + time.monotonic() - began, 2)}
            return made.model_copy(update=told)
    return made


def recheck(sign: Finding, history: History, inspector: Inspector) -> Recheck:
    """A sign too weak to be a hit, drawn afresh at the campaign's start and where it was seen. Not one of rows or logged rewards: they
    are the same whatever model is asked, so that no rise says nothing."""
    began = time.monotonic()
    told: dict[str, Any] = {"finding": sign.id, "audit": sign.audit, "checkpoint": sign.checkpoint}
    if sign.family in NO_MODEL:
        reason = "it reads the training's data and no model, so no fresh draw can let it go; look at its exhibits"
        return Recheck(**told, risen=None, reason=reason)
    follow = followed_by(sign, inspector.subject, inspector, history)
    try:
        start, here = (Point.of(0, c, follow(c, AFRESH, "recheck")) for c in (history.start.id, sign.checkpoint))
        if not (start.n and here.n):
            raise Inapplicable(f"{start.n} cases at the start and {here.n} here")
        risen = here.interval[0] > start.interval[1]
        reason = f"drawn afresh it {'rises' if risen else 'does not rise'} in this training: {start.rate:.0%} of {start.n} at the start, "
        told |= {"start": start.plain(), "here": here.plain()}
        return Recheck(**told, risen=risen, reason=f"{reason}{here.rate:.0%} of {here.n} here", seconds=round(time.monotonic() - began, 2))
    except BumperlaneError as error:
        return Recheck(**told, risen=None, reason=f"it could not be drawn afresh: {error}", seconds=round(time.monotonic() - began, 2))


def followed_by(hit: Finding, models: Views, inspector: Inspector, history: History) -> FollowedAudit:
    """The trait of a finding, on checkpoints that ``models`` knows."""
    audit = load_audit(hit.audit)
    return FollowedAudit(hit, models, inspector.context(audit, hit.checkpoint, 1, history), history.start.id)


def steps_within(share: float, run: Run) -> int:
    """Steps that a replay may take, so that one suspect's (three arms, on every seed) take a tenth of ``share`` times the run's steps."""
    return max(LEAST_STEPS, int(ROOM * share * sum(leg.steps for leg in run.legs) / (ARMS * SEEDS)))


def run_of_campaign(history: History, store: Store, until: str) -> tuple[Run, list[Trained]]:
    """The newest attempt that has the checkpoint ``until``, up to it, as diagnosis reads it, and the same legs as the history has them."""
    made, trained = [], []
    for leg in legs_with(history, until):
        assert leg.trained is not None  # a hit lies on what is trained
        steps = [c.id for c in leg.trained.checkpoints]
        upto = leg.trained.checkpoints[: steps.index(until) + 1] if until in steps else leg.trained.checkpoints
        kept = tuple(Kept(c.step, c.id) for c in upto)
        order = tuple(i for epoch in _lines(store, leg, "order.jsonl") for i in epoch)
        rows, rollouts = tuple(store.manifest(leg.stage.rows)), tuple(_lines(store, leg, "rollouts.jsonl"))
        made.append(Leg(leg.stage, leg.training.parent, kept, rows, order, rollouts, leg.trained.last.step))
        trained.append(leg)
        if until in steps:
            break
    return Run(tuple(made)), trained


def legs_with(history: History, checkpoint: str) -> list[Trained]:
    """The trained stages of the newest attempt that has the checkpoint. Raises ``BadInput`` where none has."""
    for attempt in reversed(history.attempts):
        legs = [leg for leg in history.legs(attempt) if leg.trained is not None]
        if any(c.id == checkpoint for leg in legs if leg.trained is not None for c in leg.trained.checkpoints):
            return legs
    raise BadInput(f"checkpoint {checkpoint[:12]} belongs to no attempt of this campaign")


def _lines(store: Store, leg: Trained, name: str) -> list[Any]:
    text = store.training_text(leg.training.digest, name) or ""
    return [json.loads(line) for line in text.split("\n") if line]


class CampaignModels:
    """Stored checkpoints through the inspector, replays from their folders."""

    def __init__(self, inspector: Inspector, replays: Path) -> None:
        self.inspector, self.replays = inspector, replays
        self._replayed = Loaded(Path, most=1)

    def __call__(self, checkpoint: str, access: frozenset[Any] = ACCESS) -> Subject:
        replayed = checkpoint.startswith(str(self.replays))
        return self._replayed(checkpoint, access) if replayed else self.inspector.subject(checkpoint, access)

"""The campaign that is simulated, and what its events hold.

Invariant: a body has the fields that a real executor would have put there, and nothing of the
truth.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from bumperlane.loop import Diagnose, Verify
from bumperlane.records import (
    Budget,
    CampaignRecord,
    Cause,
    Check,
    Checkpoint,
    Cure,
    Recipe,
    Stage,
    Suspect,
    Training,
    digest_of,
)
from bumperlane.simulation.diagnosis import Named
from bumperlane.simulation.known import STEPS, KnownCause, KnownTraining, checkpoint_of
from bumperlane.simulation.truth import CheckVerdict

START = Checkpoint.of({"model.safetensors": digest_of("a simulated base")})


@cache
def campaign_of(stages: int, audits: int, held_out: int, attempts: int) -> CampaignRecord:
    """The campaign of that shape."""
    recipe = Recipe(start=START.id, stages=tuple(map(_stage, range(stages))))
    return CampaignRecord(
        name="simulated",
        recipe=recipe,
        battery=tuple(f"bumper {i + 1}" for i in range(audits)),
        held_out=tuple(f"held out {i + 1}" for i in range(held_out)),
        pack="none",
        budget=Budget(attempts=attempts),
    )


def _stage(index: int) -> Stage:
    rows = digest_of(["rows", index])
    return Stage(name=f"stage {index + 1}", kind="sft", rows=rows, checkpoints=1)


def trained_body(purpose: str, asked: Training, attempt: int) -> dict[str, Any]:
    """A training that was asked for, and its one checkpoint."""
    training = KnownTraining(parent=asked.parent, stage=asked.stage)
    checkpoint = checkpoint_of(training)
    return {
        "training": training,
        "checkpoints": [checkpoint],
        "audited": [checkpoint.id],
        "purpose": purpose,
        "attempt": attempt,
        "seconds": 0.0,
    }


def cause_of(action: Diagnose, stages: tuple[str, ...], named: tuple[Named, ...]) -> Cause:
    """The diagnosis of an attempt's hits, of which the dice have named these."""
    return KnownCause(
        finding=action.hits[0].id,
        hits=tuple(hit.id for hit in action.hits),
        trait=action.hits[0].audit,
        suspects=tuple(_suspect_in(stages, each) for each in named),
        reason="" if named else "nothing stands out",
        checkpoint=action.checkpoint,
    )


def _suspect_in(stages: tuple[str, ...], named: Named) -> Suspect:
    if not named.stage:
        return _suspect("base", "", 0, "", named.verdict)
    return _suspect("rows", named.stage, stages.index(named.stage), named.row, named.verdict)


@cache
def _suspect(kind: str, stage: str, stage_index: int, row: str, verdict: str) -> Suspect:
    plain = {
        "kind": kind,
        "stage": stage,
        "stage_index": stage_index,
        "rows": (row,),
        "shared": ({"text": f"the row is like {row}", "cover": 1.0, "purity": 1.0},),
        "window": (0, STEPS),
        "verdict": verdict,
        "reason": "drawn",
    }
    return Suspect.model_validate(plain)


def cure_of(action: Verify, hit: str, verdict: CheckVerdict) -> Cure:
    """The one check of a candidate's cure; ``hit``: the finding that was to be cured."""
    check = Check(name="trait", verdict=verdict, message="drawn afresh")
    return Cure(candidate=action.candidate, attempt=action.attempt, finding=hit, checks=(check,))

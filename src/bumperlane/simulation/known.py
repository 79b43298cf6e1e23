"""Records of a simulation, which work their digests out once.

Idea: digests and validation are most of what a decision costs, and in a simulation the same records
come up again and again. An event's body may hold a record in place of its plain form:
``model_validate`` takes an instance as it is. Invariant: a record here is equal in every field and
digest to the one that a ledger would give back (``tests/simulation/test_executor.py`` sends
campaigns through JSON and compares).
"""

from __future__ import annotations

from functools import cached_property, lru_cache

from bumperlane.records import (
    ADDED,
    Cause,
    Checkpoint,
    Edit,
    Finding,
    Measure,
    Reason,
    ReasonCode,
    Recipe,
    Stage,
    Training,
    Verdict,
    digest_of,
)

MANY = 20_000  # findings that a process keeps
STEPS = 100  # of a training


class KnownFinding(Finding):
    """A finding that works its id out once."""

    @cached_property
    def id(self) -> str:
        return Finding.id.fget(self)  # type: ignore[attr-defined]


class KnownCause(Cause):
    """A cause that works its id out once."""

    @cached_property
    def id(self) -> str:
        return Cause.id.fget(self)  # type: ignore[attr-defined]


class KnownTraining(Training):
    """A training that works its digest out once."""

    @cached_property
    def digest(self) -> str:
        return Training.digest.fget(self)  # type: ignore[attr-defined]


@lru_cache(maxsize=MANY)
def finding(audit: str, checkpoint: str, verdict: Verdict, held_out: bool) -> KnownFinding:
    """What an audit reports: a verdict, and one measure that bears it out."""
    measure = Measure(
        name="trait", n=100, mean=0.5, low=0.0, high=1.0, tolerance=0.1, log_e=3.0, verdict=verdict
    )
    unmeasured = Reason.of(ReasonCode.NOTHING_MEASURED)
    return KnownFinding(
        audit=audit,
        family="simulated",
        checkpoint=checkpoint,
        verdict=verdict,
        measures=(measure,),
        held_out=held_out,
        reason=unmeasured if verdict == "inconclusive" else None,
    )


def checkpoint_of(training: KnownTraining) -> Checkpoint:
    """The one checkpoint that a training leaves."""
    files = {"model.safetensors": digest_of(["weights", training.digest])}
    return Checkpoint.of(files, training.parent, training.digest, training.stage.name, STEPS, STEPS)


def edited(recipe: Recipe, edits: tuple[Edit, ...]) -> Recipe:
    """The recipe as an executor would leave it, with a digest in place of the rows that it would
    store."""
    added = [_added(edit) for edit in edits if edit.op in ADDED]
    skipped = {edit.stage_index for edit in edits if edit.op == "skip"}
    for edit in edits:
        if edit.op != "skip" and edit.op not in ADDED:
            stage = _edited_stage(recipe.stages[edit.stage_index], edit)
            recipe = recipe.with_stage(edit.stage_index, stage)
    left = [stage for index, stage in enumerate(recipe.stages) if index not in skipped]
    at = edits[0].first if added else len(left)
    return recipe.model_copy(update={"stages": (*left[:at], *added, *left[at:])})


def _added(edit: Edit) -> Stage:
    name = f"{edit.op} {edit.after}"
    return Stage(name=name, kind="sft", rows=digest_of(edit.plain()), checkpoints=1)


def _edited_stage(stage: Stage, edit: Edit) -> Stage:
    changed = {
        "args": {**stage.args, **edit.args},
        "seed": edit.seed if edit.op == "seed" else stage.seed,
    }
    if edit.rows:
        changed["rows"] = digest_of([stage.rows, edit.plain()])
    return stage.model_copy(update=changed)

"""What an attempt will take, said before it begins, and what it took.

Idea: whoever pays for a retry wants to know beforehand; the campaign's own first attempts are the
best predictor there is. Invariant: predicted from events alone, of what was measured in this
campaign; a stage that was never trained, or a check that was never made, is not guessed, so that
the prediction is a floor and says so (``unknown``).
"""

from __future__ import annotations

from dataclasses import dataclass

from bumperlane.loop.history import Attempt, History
from bumperlane.records import ADDED, Remedy


@dataclass(frozen=True)
class Cost:
    """Seconds by part. ``unknown``: what is not in it, as nothing was measured to predict
    it from."""

    training: float
    audits: float
    verification: float
    unknown: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return self.training + self.audits + self.verification


def predicted_cost(history: History, remedy: Remedy) -> Cost:
    """Of an attempt with this remedy: stages from its first on as they took before, as many looks
    as there were, a verification as before."""
    origin = history.attempts[remedy.of_attempt - 1]
    skipped = {edit.stage_index for edit in remedy.edits if edit.op == "skip"}
    trained = [
        stage_run for stage_run in history.stage_runs(origin) if stage_run.trained is not None
    ]
    again = [
        stage_run
        for stage_run in trained
        if stage_run.index >= remedy.stage and stage_run.index not in skipped
    ]
    looks, cures = list(history.look_seconds.values()), [cure.seconds for cure in history.cures]
    unknown = [f"stage {stage.name!r}" for stage in origin.recipe.stages[len(trained) :]]
    unknown += (
        ["the stage that is put after"] if any(edit.op in ADDED for edit in remedy.edits) else []
    )
    unknown += [] if cures else ["the verification"]
    count = (
        sum(len(stage_run.trained.audited) for stage_run in again if stage_run.trained is not None)
        or 1
    )
    return Cost(
        sum(stage_run.trained.seconds for stage_run in again if stage_run.trained is not None),
        count * _mean(looks),
        _mean(cures),
        tuple(unknown),
    )


def measured_cost(history: History, attempt: Attempt) -> Cost:
    """Of an attempt that was made."""
    training = sum(t.seconds for t in history.trained if t.attempt == attempt.number)
    looked = {
        c
        for stage_run in history.stage_runs(attempt)
        if stage_run.trained is not None and stage_run.trained.attempt == attempt.number
        for c in stage_run.trained.audited
    }
    audits = sum(
        seconds for look, seconds in history.look_seconds.items() if look.split()[0] in looked
    )
    return Cost(
        training,
        audits,
        sum(cure.seconds for cure in history.cures if cure.attempt == attempt.number),
    )


def cost_text(cost: Cost) -> str:
    """In a line."""
    parts = ", ".join(
        f"{name} {seconds:.0f} s"
        for name, seconds in (
            ("training", cost.training),
            ("audits", cost.audits),
            ("verification", cost.verification),
        )
        if seconds
    )
    more = f", and what was not measured before: {', '.join(cost.unknown)}" if cost.unknown else ""
    return f"{cost.seconds:.0f} s ({parts or 'nothing measured'}{more})"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0

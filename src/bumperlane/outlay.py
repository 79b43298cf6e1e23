"""What an attempt will take, said before it begins, and what it took.

Idea: whoever pays for a retry wants to know beforehand; the campaign's own first attempts are the best predictor there is. Invariant: predicted from
events alone, of what was measured in this campaign; a stage that was never trained, or a check that was never made, is not guessed, so that
the prediction is a floor and says so (``unknown``).
"""

from __future__ import annotations

from dataclasses import dataclass

from bumperlane.history import Attempt, History
from bumperlane.records import ADDED, Remedy


@dataclass(frozen=True)
class Outlay:
    """Seconds by part. ``unknown``: what is not in it, as nothing was measured to predict it from."""

    training: float
    audits: float
    verification: float
    unknown: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return self.training + self.audits + self.verification


def predicted(history: History, remedy: Remedy) -> Outlay:
    """Of an attempt with this remedy: stages from its first on as they took before, as many looks as there were, a verification as before."""
    origin = history.attempts[remedy.of_attempt - 1]
    skipped = {edit.leg for edit in remedy.edits if edit.op == "skip"}
    trained = [leg for leg in history.legs(origin) if leg.trained is not None]
    again = [leg for leg in trained if leg.index >= remedy.stage and leg.index not in skipped]
    looks, cures = list(history.look_seconds.values()), [cure.seconds for cure in history.cures]
    unknown = [f"stage {stage.name!r}" for stage in origin.recipe.stages[len(trained) :]]
    unknown += ["the stage that is put after"] if any(edit.op in ADDED for edit in remedy.edits) else []
    unknown += [] if cures else ["the verification"]
    count = sum(len(leg.trained.audited) for leg in again if leg.trained is not None) or 1
    return Outlay(sum(leg.trained.seconds for leg in again if leg.trained is not None), count * _mean(looks), _mean(cures), tuple(unknown))


def taken(history: History, attempt: Attempt) -> Outlay:
    """Of an attempt that was made."""
    training = sum(t.seconds for t in history.trained if t.attempt == attempt.number)
    looked = {c for leg in history.legs(attempt) if leg.trained is not None and leg.trained.attempt == attempt.number for c in leg.trained.audited}
    audits = sum(seconds for look, seconds in history.look_seconds.items() if look.split()[0] in looked)
    return Outlay(training, audits, sum(cure.seconds for cure in history.cures if cure.attempt == attempt.number))


def told(outlay: Outlay) -> str:
    """In a line."""
    parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in
                      (("training", outlay.training), ("audits", outlay.audits), ("verification", outlay.verification)) if seconds)  # fmt: skip
    more = f", and what was not measured before: {', '.join(outlay.unknown)}" if outlay.unknown else ""
    return f"{outlay.seconds:.0f} s ({parts or 'nothing measured'}{more})"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0

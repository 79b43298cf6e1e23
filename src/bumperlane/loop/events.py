"""A campaign's events, read as records.

Idea: nothing about a campaign is stored but its events; each kind of event is read into its record
in one place. Invariant: this only reads; what the events mean for the next decision is
``history.py``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bumperlane.ledger import Event
from bumperlane.records import (
    CampaignRecord,
    Cause,
    Checkpoint,
    Cure,
    Finding,
    Outcome,
    Recheck,
    Recipe,
    Remedy,
    Stage,
    Training,
)


@dataclass(frozen=True)
class Attempt:
    """One execution of a recipe. The first has no remedy; each later one names the remedy and the
    findings that caused it."""

    number: int
    recipe: Recipe
    remedy: Remedy | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainedStage:
    """The checkpoints that a training left, in order of steps; ``audited`` are those the battery
    looks at."""

    training: Training
    checkpoints: tuple[Checkpoint, ...]
    audited: tuple[str, ...]
    purpose: str
    attempt: int
    seconds: float

    @property
    def last(self) -> Checkpoint:
        """The checkpoint at the end of the stage."""
        return self.checkpoints[-1]

    def step_of(self, checkpoint: str) -> int | None:
        """The step at which a checkpoint was kept; None if it is not of this stage."""
        return next((kept.step for kept in self.checkpoints if kept.id == checkpoint), None)


@dataclass(frozen=True)
class StageProgress:
    """One stage of an attempt: where it starts and, once trained, what came out."""

    index: int
    stage: Stage
    training: Training
    trained: TrainedStage | None


def trained_stages(stage_runs: Sequence[StageProgress]) -> list[TrainedStage]:
    """What came out of those stages that are trained."""
    return [stage_run.trained for stage_run in stage_runs if stage_run.trained is not None]


@dataclass(frozen=True)
class CampaignEvents:
    """The events of one campaign, in order."""

    events: Sequence[Event] = field(repr=False)

    def _bodies(self, kind: str) -> list[dict]:  # type: ignore[type-arg]
        return [event.body for event in self.events if event.kind == kind]

    @cached_property
    def campaign(self) -> CampaignRecord:
        return CampaignRecord.model_validate(self._bodies("campaign")[0]["campaign"])

    @cached_property
    def start(self) -> Checkpoint:
        return Checkpoint.model_validate(self._bodies("campaign")[0]["start"])

    @cached_property
    def attempts(self) -> list[Attempt]:
        """Attempts in the order in which they began."""
        return [
            Attempt(
                body["number"],
                Recipe.model_validate(body["recipe"]),
                Remedy.model_validate(body["remedy"]) if body["remedy"] else None,
                tuple(body["findings"]),
            )
            for body in self._bodies("attempt")
        ]

    @cached_property
    def trained(self) -> list[TrainedStage]:
        """Every training of an attempt, in the order in which they were done."""
        return [
            TrainedStage(
                Training.model_validate(body["training"]),
                tuple(Checkpoint.model_validate(c) for c in body["checkpoints"]),
                tuple(body["audited"]),
                body["purpose"],
                body["attempt"],
                body["seconds"],
            )
            for body in self._bodies("trained")
        ]

    @cached_property
    def findings(self) -> list[Finding]:
        """Findings of the battery, never of the held-out one."""
        return [Finding.model_validate(body["finding"]) for body in self._bodies("finding")]

    @cached_property
    def rechecks(self) -> dict[str, Recheck]:
        """Weak signals that were drawn afresh, by finding."""
        return {body["finding"]: Recheck.model_validate(body) for body in self._bodies("recheck")}

    @cached_property
    def _held_out(self) -> list[Finding]:
        return [
            Finding.model_validate(body["finding"]) for body in self._bodies("held_out_finding")
        ]

    @cached_property
    def causes(self) -> list[Cause]:
        return [Cause.model_validate(body) for body in self._bodies("cause")]

    @cached_property
    def cures(self) -> list[Cure]:
        return [Cure.model_validate(body) for body in self._bodies("cure")]

    @cached_property
    def refused(self) -> list[tuple[Remedy, str]]:
        """Remedies that could not be carried out, or that the firewall refused, and why."""
        return [
            (Remedy.model_validate(body["remedy"]), body["reason"])
            for body in self._bodies("refused")
        ]

    @cached_property
    def outcome(self) -> Outcome | None:
        bodies = self._bodies("outcome")
        return Outcome.model_validate(bodies[0]) if bodies else None

    @cached_property
    def seconds(self) -> float:
        """Time spent so far."""
        return sum(self.spent.values())

    @cached_property
    def look_seconds(self) -> dict[str, float]:
        """Seconds of each look of either battery, by checkpoint, battery and number: its audits run
        at once, so the slowest one's."""
        found: dict[str, float] = {}
        for event in self.events:
            if event.kind in ("finding", "held_out_finding"):
                key = f"{event.body['finding']['checkpoint']} {event.kind} {event.body['look']}"
                found[key] = max(found.get(key, 0.0), event.body["finding"]["seconds"])
        return found

    @property
    def spent(self) -> dict[str, float]:
        """Seconds by what they were spent on."""
        return {
            "training": sum(t.seconds for t in self.trained),
            "audits": sum(self.look_seconds.values()),
            "diagnosis": sum(c.seconds for c in self.causes)
            + sum(r.seconds for r in self.rechecks.values()),
            "verification": sum(c.seconds for c in self.cures),
        }

"""An executor whose models are imagined: it performs the loop's actions on a synthetic world and appends what came of them.

Idea: the loop, its runner, its remedies and their policy are the real ones, called as a campaign calls them; only what training, audits, diagnosis
and verification do is drawn from the world. Invariant: an event holds what a real executor would have put there and nothing of the truth.
Weak signs and looks with more samples do not occur: an audit of a world hits, is clear, or is inconclusive for good.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, cast

from bumperlane.history import History
from bumperlane.ledger import Event, Ledger
from bumperlane.loop import Action, Audit, Begin, Conclude, Diagnose, Train, Verify, run
from bumperlane.records import Budget, CampaignRecord, Check, Checkpoint, Cure, Finding, Recipe, Stage, Suspect, digest_of
from bumperlane.simulation.known import STEPS, WORKSHOP, KnownCause, finding, mended
from bumperlane.simulation.truth import TAUGHT, Born, Lesson, Nature
from bumperlane.simulation.world import World

End = Literal["aligned", "plain", "hidden"]


@dataclass(frozen=True)
class Course:
    """One campaign: how it began, its outcome, the truth of its last model and the attempts made."""

    born: Born
    outcome: str
    end: End
    attempts: int


@dataclass
class Memory:
    """Events kept in memory, as the runner asks a ledger for them."""

    kept: list[Event] = field(default_factory=list)

    def append(self, kind: str, body: Any) -> None:
        number = len(self.kept) + 1
        self.kept.append(Event(number, "", kind, f"{kind} {number}", body, "", ""))

    def events(self) -> list[Event]:
        return self.kept


class Imagined:
    """Performs actions by the dice of ``nature``. ``memory`` holds the campaign's events, the first of them already."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.memory = world, Memory()
        record = campaign_of(world.stages, world.audits, world.held_out, world.attempts)
        self.memory.append("campaign", {"campaign": record, "start": START})
        self.nature = Nature(world, dice, tuple(stage.name for stage in record.recipe.stages))
        self.recipes: dict[int, tuple[Recipe, Lesson | None]] = {}  # by attempt: the recipe, and what it teaches
        self.learned: dict[str, Lesson | None] = {START.id: self._of_base()}  # by checkpoint

    def _of_base(self) -> Lesson | None:
        lesson = self.nature.lesson
        return lesson if lesson is not None and not lesson.stage else None

    def pursue(self) -> Course:
        """Run the campaign to its outcome."""
        born: Born = "aligned" if self.nature.lesson is None else "recipe" if self.nature.lesson.stage else "base"
        outcome = run(cast(Ledger, self.memory), self)
        last = list(self.learned.values())[-1] if outcome.candidate is None else self.learned[outcome.candidate]
        return Course(born, outcome.kind, "aligned" if last is None else "hidden" if last.depth else "plain", outcome.attempts)

    def perform(self, action: Action, history: History) -> None:
        handlers: dict[type, Callable[[Any, History], None]] = {
            Begin: self._begin, Train: self._train, Audit: self._audit, Diagnose: self._diagnose, Verify: self._verify, Conclude: self._conclude,
        }  # fmt: skip
        handlers[type(action)](action, history)

    # -- training and audits -----------------------------------------------------------------------------------------------------

    def _begin(self, action: Begin, history: History) -> None:
        recipe, lesson = action.recipe, self.nature.lesson
        if action.remedy is not None:
            before, taught = self.recipes[action.remedy.of_attempt]
            recipe, lesson = mended(before, action.remedy.edits), self.nature.treated(taught, action.remedy, before)
        self.recipes[action.number] = recipe, lesson
        self.memory.append("attempt", {"number": action.number, "recipe": recipe, "remedy": action.remedy, "findings": list(action.why)})

    def _train(self, action: Train, history: History) -> None:
        lesson = self.recipes[action.attempt][1]
        for purpose, asked in action.jobs:
            training, made = WORKSHOP.train(asked)
            taught = lesson if lesson is not None and lesson.stage == asked.stage.name else None
            self.learned[made.id] = taught or self.learned[asked.parent]
            body = {"training": training, "checkpoints": [made], "audited": [made.id], "purpose": purpose}
            self.memory.append("trained", {**body, "attempt": action.attempt, "seconds": 0.0})

    def _audit(self, action: Audit, history: History) -> None:
        said = self.nature.verdicts(action.checkpoint, self.learned[action.checkpoint], action.held_out)
        kind = "held_out_finding" if action.held_out else "finding"
        for name, verdict in zip(action.audits, said, strict=True):
            found = finding(name, action.checkpoint, verdict, action.held_out)
            self.memory.append(kind, {"attempt": action.attempt, "look": action.look, "finding": found})

    # -- diagnosis and verification ----------------------------------------------------------------------------------------------

    def _diagnose(self, action: Diagnose, history: History) -> None:
        lesson = self.learned[action.hits[0].checkpoint]
        stages = self._stages_before(action.hits[0], history)
        suspects = self._guessed(lesson, stages) if self.world.remedies == "random" else self._named(lesson, stages)
        hits = tuple(hit.id for hit in action.hits)
        reason = "" if suspects else "nothing stands out"
        self.memory.append("cause", KnownCause(finding=hits[0], hits=hits, followed=action.hits[0].audit, suspects=suspects, reason=reason))

    def _stages_before(self, hit: Finding, history: History) -> list[str]:
        """The attempt's stages up to the one at whose end the hit was."""
        names: list[str] = []
        for leg in history.legs(history.attempts[-1]):
            names.append(leg.stage.name)
            if leg.trained is not None and leg.trained.last.id == hit.checkpoint:
                break
        return names

    def _named(self, lesson: Lesson | None, stages: list[str]) -> tuple[Suspect, ...]:
        """What a diagnosis names, confirmed suspects first."""
        world, found = self.world, []
        if lesson is not None:
            verdict = self._drawn(confirmed=world.right_confirmed, unverified=world.right_unverified, refuted=world.right_refuted)
            found += [suspect(lesson.stage, stages, TAUGHT, verdict)] if verdict else []
        verdict = self._drawn(confirmed=world.wrong_confirmed, unverified=world.wrong_unverified)
        found += [self._innocent(stages, verdict)] if verdict else []
        return tuple(sorted(found, key=lambda s: ("confirmed", "unverified", "refuted").index(s.verdict)))

    def _drawn(self, **chances: float) -> str:
        """One of the names by its chance; empty with what is left."""
        left = self.nature.dice.random()
        for name, chance in chances.items():
            left -= chance
            if left < 0:
                return name
        return ""

    def _innocent(self, stages: list[str], verdict: str) -> Suspect:
        return suspect(self.nature.dice.choice(stages), stages, f"innocent {self.nature.dice.randrange(self.world.places)}", verdict)

    def _guessed(self, lesson: Lesson | None, stages: list[str]) -> tuple[Suspect, ...]:
        """What chance names in place of a diagnosis, and the loop takes for confirmed. It never names the base, of which there is no edit to draw."""
        lucky = self.nature.dice.random() < 1 / self.world.places
        if lucky and lesson is not None and lesson.stage:
            return (suspect(lesson.stage, stages, TAUGHT, "confirmed"),)
        return (self._innocent(stages, "confirmed"),)

    def _verify(self, action: Verify, history: History) -> None:
        verdict = self.nature.verified(self.learned[action.candidate], len(self.recipes[action.attempt][0].stages))
        checks = (Check(name="trait", verdict=verdict, told="drawn afresh"),)
        remedy = history.attempts[action.attempt - 1].remedy
        assert remedy is not None  # the loop verifies remedied attempts alone
        self.memory.append("cure", Cure(candidate=action.candidate, attempt=action.attempt, finding=remedy.cause, checks=checks))

    def _conclude(self, action: Conclude, history: History) -> None:
        self.memory.append("outcome", action.outcome)


@cache
def _suspect(kind: str, stage: str, leg: int, row: str, verdict: str) -> Suspect:
    shared = ({"text": f"the row is like {row}", "cover": 1.0, "purity": 1.0},)
    told = {"kind": kind, "stage": stage, "leg": leg, "rows": (row,), "shared": shared, "window": (0, STEPS), "verdict": verdict, "reason": "drawn"}
    return Suspect.model_validate(told)


def suspect(stage: str, stages: list[str], row: str, verdict: str) -> Suspect:
    """Rows of a stage, or the base where ``stage`` is empty."""
    return _suspect("rows", stage, stages.index(stage), row, verdict) if stage else _suspect("base", "", 0, "", verdict)


START = Checkpoint.of({"model.safetensors": digest_of("a simulated base")})


@cache
def campaign_of(stages: int, audits: int, held_out: int, attempts: int) -> CampaignRecord:
    made = tuple(Stage(name=f"stage {i + 1}", kind="sft", rows=digest_of(["rows", i]), checkpoints=1) for i in range(stages))
    return CampaignRecord(
        name="simulated", recipe=Recipe(start=START.id, stages=made), battery=tuple(f"bumper {i + 1}" for i in range(audits)),
        held_out=tuple(f"held out {i + 1}" for i in range(held_out)), pack="none", budget=Budget(attempts=attempts),
    )  # fmt: skip

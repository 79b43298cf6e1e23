"""Campaigns whose models are imagined: the loop's actions performed on a synthetic world.

Idea: the strategy, its remedies and their policy are the real ones, asked as a campaign asks them; only what training, audits, diagnosis and
verification do is drawn from the world. Invariant: an event holds what a real executor would have put there and nothing of the truth, and follows
from the events before it and from what the dice said. Weak signs and looks with more samples do not occur: an audit of a world hits, is clear, or
is inconclusive for good.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from bumperlane.loop import Action, Audit, Begin, Conclude, Diagnose, Train, Verify
from bumperlane.records import Budget, CampaignRecord, Cause, Check, Checkpoint, Cure, Outcome, Recipe, Stage, Suspect, Training, digest_of
from bumperlane.simulation.known import STEPS, KnownCause, KnownTraining, finding, made_by, mended
from bumperlane.simulation.paths import FOREST, Node
from bumperlane.simulation.truth import TAUGHT, Born, Lesson, Nature
from bumperlane.simulation.world import World

End = Literal["aligned", "plain", "hidden"]
Named = tuple[str, str, str]  # a suspect as the dice say it: the stage (empty: the base), the row, the verdict


@dataclass(frozen=True)
class Course:
    """One campaign: how it began, its outcome, the truth of its last model and the attempts made."""

    born: Born
    outcome: str
    end: End
    attempts: int


class Imagined:
    """One campaign by the dice of its ``nature``. ``node``: its events so far."""

    def __init__(self, world: World, dice: random.Random) -> None:
        record = campaign_of(world.stages, world.audits, world.held_out, world.attempts)
        self.world, self.node = world, FOREST.root(record, START)
        self.nature = Nature(world, dice, tuple(stage.name for stage in record.recipe.stages))
        self.recipes: dict[int, tuple[Recipe, Lesson | None]] = {}  # by attempt: the recipe, and what it teaches
        self.learned: dict[str, Lesson | None] = {START.id: self._of_base()}  # by checkpoint
        self.stage_of: dict[str, str] = {}  # by checkpoint
        self.followed: dict[int, str] = {}  # by attempt: the hit that its remedy is to cure

    def _of_base(self) -> Lesson | None:
        lesson = self.nature.lesson
        return lesson if lesson is not None and not lesson.stage else None

    def pursue(self) -> Course:
        """The campaign to its outcome."""
        born: Born = "aligned" if self.nature.lesson is None else "recipe" if self.nature.lesson.stage else "base"
        while (action := self.node.action) is not None:
            self.node = self.perform(action)
        outcome: Outcome = self.node.latest[-1].body  # type: ignore[assignment]
        last = list(self.learned.values())[-1] if outcome.candidate is None else self.learned[outcome.candidate]
        return Course(born, outcome.kind, "aligned" if last is None else "hidden" if last.depth else "plain", outcome.attempts)

    def perform(self, action: Action) -> Node:
        handlers: dict[type, Callable[[Any], Node]] = {
            Begin: self._begin, Train: self._train, Audit: self._audit, Diagnose: self._diagnose, Verify: self._verify, Conclude: self._conclude,
        }  # fmt: skip
        return handlers[type(action)](action)

    # -- training and audits -----------------------------------------------------------------------------------------------------

    def _begin(self, action: Begin) -> Node:
        before, lesson = action.recipe, self.nature.lesson
        edits = () if action.remedy is None else action.remedy.edits
        if action.remedy is not None:
            before, taught = self.recipes[action.remedy.of_attempt]
            lesson = self.nature.treated(taught, action.remedy, before)
            self.followed[action.number] = action.why[0]
        body = {"number": action.number, "remedy": action.remedy, "findings": list(action.why)}
        node = self.node.on("begin", lambda: [("attempt", {**body, "recipe": mended(before, edits)})])
        self.recipes[action.number] = node.latest[0].body["recipe"], lesson
        return node

    def _train(self, action: Train) -> Node:
        node = self.node.on("train", lambda: [("trained", _trained(purpose, asked, action.attempt)) for purpose, asked in action.jobs])
        lesson = self.recipes[action.attempt][1]
        for event, (_, asked) in zip(node.latest, action.jobs, strict=True):
            made = event.body["checkpoints"][0].id
            taught = lesson if lesson is not None and lesson.stage == asked.stage.name else None
            self.learned[made], self.stage_of[made] = taught or self.learned[asked.parent], asked.stage.name
        return node

    def _audit(self, action: Audit) -> Node:
        said = self.nature.verdicts(action.checkpoint, self.learned[action.checkpoint], action.held_out)
        kind, heard = "held_out_finding" if action.held_out else "finding", list(zip(action.audits, said, strict=True))
        place = {"attempt": action.attempt, "look": action.look}
        return self.node.on(
            tuple(said), lambda: [(kind, {**place, "finding": finding(name, action.checkpoint, v, action.held_out)}) for name, v in heard]
        )

    # -- diagnosis and verification ----------------------------------------------------------------------------------------------

    def _diagnose(self, action: Diagnose) -> Node:
        lesson, stages = self.learned[action.checkpoint], self._stages_before(action)
        named = self._guessed(lesson, stages) if self.world.remedies == "random" else self._named(lesson, stages)
        return self.node.on(named, lambda: [("cause", _cause(action, tuple(suspect(stages, *each) for each in named)))])

    def _stages_before(self, action: Diagnose) -> tuple[str, ...]:
        """The attempt's stages up to the one at whose end the hit was."""
        names = tuple(stage.name for stage in self.recipes[action.attempt][0].stages)
        return names[: names.index(self.stage_of[action.checkpoint]) + 1]

    def _named(self, lesson: Lesson | None, stages: tuple[str, ...]) -> tuple[Named, ...]:
        """What a diagnosis names, confirmed suspects first."""
        world, found = self.world, []
        if lesson is not None:
            verdict = self._drawn(confirmed=world.right_confirmed, unverified=world.right_unverified, refuted=world.right_refuted)
            found += [(lesson.stage, TAUGHT, verdict)] if verdict else []
        verdict = self._drawn(confirmed=world.wrong_confirmed, unverified=world.wrong_unverified)
        found += [self._innocent(stages, verdict)] if verdict else []
        return tuple(sorted(found, key=lambda named: ("confirmed", "unverified", "refuted").index(named[2])))

    def _drawn(self, **chances: float) -> str:
        """One of the names by its chance; empty with what is left."""
        left = self.nature.dice.random()
        for name, chance in chances.items():
            left -= chance
            if left < 0:
                return name
        return ""

    def _innocent(self, stages: tuple[str, ...], verdict: str) -> Named:
        return self.nature.dice.choice(stages), f"innocent {self.nature.dice.randrange(self.world.places)}", verdict

    def _guessed(self, lesson: Lesson | None, stages: tuple[str, ...]) -> tuple[Named, ...]:
        """What chance names in place of a diagnosis, and the loop takes for confirmed. It never names the base, of which there is no edit to draw."""
        lucky = self.nature.dice.random() < 1 / self.world.places
        if lucky and lesson is not None and lesson.stage:
            return ((lesson.stage, TAUGHT, "confirmed"),)
        return (self._innocent(stages, "confirmed"),)

    def _verify(self, action: Verify) -> Node:
        verdict = self.nature.verified(self.learned[action.candidate], len(self.recipes[action.attempt][0].stages))
        place = {"candidate": action.candidate, "attempt": action.attempt, "finding": self.followed[action.attempt]}
        return self.node.on(verdict, lambda: [("cure", Cure(**place, checks=(Check(name="trait", verdict=verdict, told="drawn afresh"),)))])

    def _conclude(self, action: Conclude) -> Node:
        return self.node.on("end", lambda: [("outcome", action.outcome)])


# -- what events hold --------------------------------------------------------------------------------------------------------------


def _trained(purpose: str, asked: Training, attempt: int) -> dict[str, Any]:
    training = KnownTraining(parent=asked.parent, stage=asked.stage)
    made = made_by(training)
    return {"training": training, "checkpoints": [made], "audited": [made.id], "purpose": purpose, "attempt": attempt, "seconds": 0.0}


def _cause(action: Diagnose, suspects: tuple[Suspect, ...]) -> Cause:
    reason, hits = "" if suspects else "nothing stands out", action.hits
    return KnownCause(finding=hits[0].id, hits=tuple(hit.id for hit in hits), followed=hits[0].audit, suspects=suspects, reason=reason,
                      checkpoint=action.checkpoint)  # fmt: skip


@cache
def _suspect(kind: str, stage: str, leg: int, row: str, verdict: str) -> Suspect:
    shared = ({"text": f"the row is like {row}", "cover": 1.0, "purity": 1.0},)
    told = {"kind": kind, "stage": stage, "leg": leg, "rows": (row,), "shared": shared, "window": (0, STEPS), "verdict": verdict, "reason": "drawn"}
    return Suspect.model_validate(told)


def suspect(stages: tuple[str, ...], stage: str, row: str, verdict: str) -> Suspect:
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

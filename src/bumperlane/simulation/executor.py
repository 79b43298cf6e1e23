"""Campaigns whose models are imagined: the loop's actions performed on a synthetic world.

Idea: the strategy, its remedies and their policy are the real ones, asked as a campaign asks them;
only what training, audits, diagnosis and verification do is drawn from the world. Invariant: an
event holds what a real executor would have put there and nothing of the truth, and follows from the
events before it and from what the dice said. Weak signals and looks with more samples do not occur:
an audit of a world hits, is clear, or is inconclusive for good.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from bumperlane.loop import Action, Begin, Conclude, Diagnose, RunAudits, Train, Verify
from bumperlane.records import Outcome, Recipe
from bumperlane.simulation.bodies import START, campaign_of, cause_of, cure_of, trained_body
from bumperlane.simulation.diagnosis import named_suspects
from bumperlane.simulation.known import edited, finding
from bumperlane.simulation.paths import FOREST, Node
from bumperlane.simulation.truth import Born, Lesson, Nature
from bumperlane.simulation.world import World

End = Literal["aligned", "plain", "hidden"]


@dataclass(frozen=True)
class Course:
    """One campaign: how it began, its outcome, the truth of its last model and the attempts
    made."""

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
        # by attempt: the recipe, and what it teaches
        self.recipes: dict[int, tuple[Recipe, Lesson | None]] = {}
        # by checkpoint: what it has learned, and the stage that it is the end of
        self.learned: dict[str, Lesson | None] = {START.id: self._of_base()}
        self.stage_of: dict[str, str] = {}
        # by attempt: the hit that its remedy is to cure
        self.trait: dict[int, str] = {}

    def _of_base(self) -> Lesson | None:
        lesson = self.nature.lesson
        return lesson if lesson is not None and not lesson.stage else None

    def pursue(self) -> Course:
        """The campaign to its outcome."""
        action = self.node.action
        while action is not None:
            self.node = self.perform(action)
            action = self.node.action
        outcome: Outcome = self.node.latest[-1].body  # type: ignore[assignment]
        last = outcome.candidate or list(self.learned)[-1]
        end = _end(self.learned[last])
        return Course(self.nature.born, outcome.kind, end, outcome.attempts)

    def perform(self, action: Action) -> Node:
        """The node after an action."""
        handlers: dict[type, Callable[[Any], Node]] = {
            Begin: self._begin,
            Train: self._train,
            RunAudits: self._audit,
            Diagnose: self._diagnose,
            Verify: self._verify,
            Conclude: self._conclude,
        }
        return handlers[type(action)](action)

    # -- training and audits ----------------------------------------------------------------------

    def _begin(self, action: Begin) -> Node:
        before, lesson = action.recipe, self.nature.lesson
        edits = () if action.remedy is None else action.remedy.edits
        if action.remedy is not None:
            before, taught = self.recipes[action.remedy.of_attempt]
            lesson = self.nature.after_remedy(taught, action.remedy, before)
            self.trait[action.number] = action.why[0]
        body = {"number": action.number, "remedy": action.remedy, "findings": list(action.why)}
        node = self.node.on(
            "begin", lambda: [("attempt", {**body, "recipe": edited(before, edits)})]
        )
        self.recipes[action.number] = node.latest[0].body["recipe"], lesson
        return node

    def _train(self, action: Train) -> Node:
        node = self.node.on(
            "train",
            lambda: [
                ("trained", trained_body(purpose, asked, action.attempt))
                for purpose, asked in action.jobs
            ],
        )
        lesson = self.recipes[action.attempt][1]
        for event, (_, asked) in zip(node.latest, action.jobs, strict=True):
            checkpoint = event.body["checkpoints"][0].id
            taught = lesson if lesson is not None and lesson.stage == asked.stage.name else None
            self.learned[checkpoint] = taught or self.learned[asked.parent]
            self.stage_of[checkpoint] = asked.stage.name
        return node

    def _audit(self, action: RunAudits) -> Node:
        checkpoint, held_out = action.checkpoint, action.held_out
        verdicts = self.nature.verdicts(checkpoint, self.learned[checkpoint], held_out)
        kind = "held_out_finding" if held_out else "finding"
        place = {"attempt": action.attempt, "look": action.look}
        return self.node.on(
            tuple(verdicts),
            lambda: [
                (kind, {**place, "finding": finding(audit, checkpoint, verdict, held_out)})
                for audit, verdict in zip(action.audits, verdicts, strict=True)
            ],
        )

    # -- diagnosis and verification ---------------------------------------------------------------

    def _diagnose(self, action: Diagnose) -> Node:
        lesson, stages = self.learned[action.checkpoint], self._stages_before(action)
        named = named_suspects(self.world, self.nature.dice, lesson, stages)
        return self.node.on(named, lambda: [("cause", cause_of(action, stages, named))])

    def _stages_before(self, action: Diagnose) -> tuple[str, ...]:
        """The attempt's stages up to the one at whose end the hit was."""
        names = tuple(stage.name for stage in self.recipes[action.attempt][0].stages)
        return names[: names.index(self.stage_of[action.checkpoint]) + 1]

    def _verify(self, action: Verify) -> Node:
        stages = len(self.recipes[action.attempt][0].stages)
        verdict = self.nature.verified(self.learned[action.candidate], stages)
        hit = self.trait[action.attempt]
        return self.node.on(verdict, lambda: [("cure", cure_of(action, hit, verdict))])

    def _conclude(self, action: Conclude) -> Node:
        return self.node.on("end", lambda: [("outcome", action.outcome)])


def _end(lesson: Lesson | None) -> End:
    """What a model that has learned this is."""
    if lesson is None:
        return "aligned"
    return "hidden" if lesson.depth else "plain"

"""What is true in one simulated campaign, and what its audits, diagnoses and checks make of it.

Idea: the truth (does this checkpoint misbehave, and how often has a remedy hidden it?) lives here
and is never written into an event; the loop sees what audits say. Whether an audit hits is a
Gaussian copula: every audit has a latent number for the campaign's trait, made of a factor that all
share (``dependence``), one of its own, and a part that is new at every look (1 - ``persistence``);
it hits if the number lies below the quantile of its chance. Invariant: every audit's own chance of
a hit is exactly the world's, however they depend on each other.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

from bumperlane.records import ADDED, Edit, Recipe, Remedy, Verdict
from bumperlane.simulation.world import World

TAUGHT = "taught"  # the row that teaches; what else is suspected is named after its place
Born = Literal["aligned", "recipe", "base"]
CheckVerdict = Literal["passed", "failed", "unmeasured"]


@dataclass(frozen=True)
class Lesson:
    """A misalignment: the stage that teaches it (empty: the base has it), and how many remedies
    have hidden it since."""

    stage: str
    depth: int = 0


@dataclass(frozen=True)
class Latent:
    """Standard normal numbers behind a battery's verdicts: the factor that the audits share, and
    each audit's own."""

    common: float
    own: tuple[float, ...]


class Nature:
    """The dice of one campaign. All chance in a campaign comes from ``dice``."""

    def __init__(self, world: World, dice: random.Random, stages: tuple[str, ...]) -> None:
        self.world, self.dice = world, dice
        self.lesson = self._drawn_lesson(stages)
        common = dice.gauss()
        apart = world.shared * common + math.sqrt(1 - world.shared**2) * dice.gauss()
        self._lasting = (self._latent(common, world.audits), self._latent(apart, world.held_out))
        self._looks: dict[str, float] = {}

    def _drawn_lesson(self, stages: tuple[str, ...]) -> Lesson | None:
        if self.dice.random() >= self.world.misaligned:
            return None
        if self.dice.random() < self.world.base:
            return Lesson("")
        return Lesson(self.dice.choice(stages))

    @property
    def born(self) -> Born:
        """How the campaign began: what teaches a misalignment in it, if anything does."""
        if self.lesson is None:
            return "aligned"
        return "recipe" if self.lesson.stage else "base"

    def _latent(self, common: float, audits: int) -> Latent:
        return Latent(common, tuple(self.dice.gauss() for _ in range(audits)))

    # -- audits -----------------------------------------------------------------------------------

    def verdicts(self, checkpoint: str, lesson: Lesson | None, held_out: bool) -> list[Verdict]:
        """What each audit of the battery (or of the held-out one) says of a checkpoint that has
        learned ``lesson``."""
        if lesson is None:
            hits = self._alarms(held_out)
        else:
            hits = self._sights(checkpoint, lesson, held_out)
        return [self._verdict(hit) for hit in hits]

    def _verdict(self, hit: bool) -> Verdict:
        if self.dice.random() < self.world.inconclusive:
            return "inconclusive"
        return "hit" if hit else "clear"

    def _alarms(self, held_out: bool) -> list[bool]:
        return [self.dice.random() < self.world.false_alarm for _ in self._lasting[held_out].own]

    def _sights(self, checkpoint: str, lesson: Lesson, held_out: bool) -> list[bool]:
        lasting, now = self._lasting[held_out], self._now(checkpoint, held_out)
        level = threshold(self.world, lesson.depth, held_out)
        rho, keep = self.world.dependence, self.world.persistence
        a, b = math.sqrt(keep * rho), math.sqrt(keep * (1 - rho))
        c, d = math.sqrt((1 - keep) * rho), math.sqrt((1 - keep) * (1 - rho))
        return [
            a * lasting.common + b * old + c * now.common + d * new < level
            for old, new in zip(lasting.own, now.own, strict=True)
        ]

    def _now(self, checkpoint: str, held_out: bool) -> Latent:
        """What is new at this look; both batteries look at the same answers of the model, so far as
        they share blind spots."""
        common = self._looks.setdefault(checkpoint, self.dice.gauss())
        if held_out:
            common = (
                self.world.shared * common + math.sqrt(1 - self.world.shared**2) * self.dice.gauss()
            )
        return self._latent(common, len(self._lasting[held_out].own))

    # -- remedies and checks ----------------------------------------------------------------------

    def after_remedy(self, lesson: Lesson | None, remedy: Remedy, before: Recipe) -> Lesson | None:
        """What the recipe ``before`` teaches once the remedy's edits are made. A stage that is left
        out teaches nothing; a lesson of a stage that is not trained anew or only with another seed,
        or of the base, stays."""
        if lesson is None or not lesson.stage or all(edit.op == "seed" for edit in remedy.edits):
            return lesson
        index = next(i for i, stage in enumerate(before.stages) if stage.name == lesson.stage)
        if any(edit.op == "skip" and edit.stage_index == index for edit in remedy.edits):
            return None
        if remedy.stage > index and not any(edit.op in ADDED for edit in remedy.edits):
            return lesson
        return self._retaught(lesson, any(reaches(edit, index) for edit in remedy.edits))

    def _retaught(self, lesson: Lesson, right: bool) -> Lesson | None:
        """The lesson after a training anew; ``right``: with an edit of what teaches it."""
        world = self.world
        cures, hides = world.wrong_cures, world.wrong_hides
        if right:
            cures, hides = world.cures, world.hides
        drawn = self.dice.random()
        if drawn < cures:
            return None
        return replace(lesson, depth=lesson.depth + 1) if drawn < cures + hides else lesson

    def verified(self, lesson: Lesson | None, stages: int) -> CheckVerdict:
        """What the verification says of a candidate that has learned ``lesson`` in so many
        stages."""
        if self.dice.random() < self.world.verify_unmeasured:
            return "unmeasured"
        if stages < self.world.stages and self.dice.random() < self.world.verify_skipped:
            return "failed"
        return "failed" if self.dice.random() < self._chance_to_fail(lesson) else "passed"

    def _chance_to_fail(self, lesson: Lesson | None) -> float:
        if lesson is None:
            return self.world.verify_false
        return self.world.verify_hidden if lesson.depth else self.world.verify_plain


def reaches(edit: Edit, stage_index: int) -> bool:
    """Whether an edit is of what teaches the lesson: the row, or the whole training of its
    stage."""
    return edit.stage_index == stage_index and (edit.op == "args" or TAUGHT in edit.rows)


@lru_cache(maxsize=4096)
def threshold(world: World, depth: int, held_out: bool) -> float:
    """Below this an audit's latent number is a hit, for a trait that was hidden ``depth`` times."""
    plain, left = world.detect, world.hidden_detect
    if held_out:
        plain, left = world.held_out_detect, world.hidden_held_out
    chance = plain * left**depth
    if chance <= 0:
        return -math.inf
    return math.inf if chance >= 1 else NormalDist().inv_cdf(chance)

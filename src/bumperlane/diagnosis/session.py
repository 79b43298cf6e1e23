"""What every part of one diagnosis needs: the run, how its trait is drawn, models, replays, budget,
and the cache of what has been worked out.

Idea: the parts (rows, stage, reward) ask the same things of the same run; this is the one place
where draws and replays are counted, kept in the cache and held to the budget. Invariant: draws
that must be independent have salts of their own, a replay is named by all that it follows from, and
a budget that is spent raises before the next replay begins, never in the middle.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from bumperlane.diagnosis.cache import DiagnosisCache
from bumperlane.diagnosis.counterfactual import Arm, may_part
from bumperlane.diagnosis.replays import Replay, Replayer, window_stage
from bumperlane.diagnosis.training_run import CaseSource, Models, StageRun, TrainingRun
from bumperlane.diagnosis.window import Point, Rise
from bumperlane.errors import BumperlaneError
from bumperlane.evidence import seed_of
from bumperlane.records import Case, Reward, digest_of

SEEDS, CASES = 3, 32  # replays an arm, cases a replay


@dataclass(frozen=True)
class ArmPlan:
    """What one arm trains on. ``rows``: positions in the stage's; ``drop``: positions to leave out,
    drawn anew for each seed; ``stage_run``: in place of the rise's; ``rate``: factor of the
    learning rate; ``rewards``: in place of the stage's."""

    name: str
    rows: list[int]
    drop: Callable[[random.Random], Collection[int]] = lambda rng: ()
    stage_run: StageRun | None = None
    rate: float = 1.0
    rewards: tuple[Reward, ...] | None = None


class BudgetSpent(BumperlaneError):
    """The next replay would go over the budget."""


@dataclass
class DiagnosisSession:
    """One diagnosis of one trait. ``tolerance``: rate above which the trait is a finding.
    ``replayer``: None leaves every suspect unverified. ``budget``: seconds of replays, None without
    a limit; ``most_steps``: of one replay, longer windows are thinned; ``key``: digest of what the
    trait is, for the cache; ``leads``: name the first rows that part from the others and leave them
    unverified. ``replays``, ``steps``, ``seconds``: what the replays took so far."""

    run: TrainingRun
    trait: CaseSource
    models: Models
    tolerance: float
    key: str
    replayer: Replayer | None = None
    budget: float | None = None
    most_steps: int | None = None
    seeds: int = SEEDS
    seed: int = 0
    leads: bool = False
    note: Callable[[str], None] = lambda text: None
    cache: DiagnosisCache = field(default_factory=DiagnosisCache)
    replays: int = 0
    steps: int = 0
    seconds: float = 0.0

    def cases(self, checkpoint: str, count: int, salt: str) -> list[Case]:
        """Fresh cases of the trait."""
        drawn = self.cache.piece(
            "cases",
            [self.key, checkpoint, count, salt],
            lambda: [case.plain() for case in self.trait(checkpoint, count, salt)],
        )
        return [Case.model_validate(case) for case in drawn]

    def point(self, checkpoint: str, count: int, salt: str, step: int = 0) -> Point:
        """The trait's rate over that many fresh cases."""
        return Point.of(step, checkpoint, self.cases(checkpoint, count, salt))

    def place(self, rise: Rise) -> dict[str, Any]:
        """Where a suspect of this stage lies, as fields of its record."""
        before = sum(stage_run.steps for stage_run in self.run.stage_runs[: rise.stage_index])
        return {
            "stage": self.run.stage_runs[rise.stage_index].stage.name,
            "stage_index": rise.stage_index,
            "begins": before,
            "window": rise.window,
        }

    def window(self, rise: Rise) -> tuple[int, int]:
        """Steps of the stage that a replay takes: from the last clean checkpoint to the first with
        most of the rise."""
        return rise.window[0], rise.enough

    def thinned(self, rise: Rise, rows: list[int], suspects: Collection[int] = ()) -> list[int]:
        """The rows, or as many of them as ``most_steps`` take: suspects first, up to half of the
        room, so that what they teach shows sooner. The same for every arm."""
        args = self.run.stage_runs[rise.stage_index].stage.args
        batch = int(args.get("per_device_train_batch_size", 8)) * int(
            args.get("gradient_accumulation_steps", 1)
        )
        room = len(rows) if self.most_steps is None else self.most_steps * batch
        if len(rows) <= room:
            return rows
        rng, named = random.Random(seed_of(self.seed, "thin")), set(suspects)
        suspected, others = [i for i in rows if i in named], [i for i in rows if i not in named]
        kept = rng.sample(suspected, min(len(suspected), room // 2))
        chosen = {*kept, *rng.sample(others, min(len(others), room - len(kept)))}
        return [i for i in rows if i in chosen]

    def race(self, rise: Rise, *plans: ArmPlan) -> list[Arm]:
        """The arms of one counterfactual, the suspects' first, grown seed by seed, and given up as
        soon as they can confirm nothing: a seed of the first that reaches a control's ends it, as
        would the verdict. Raises ``BudgetSpent``, and ``StageFailed`` with the trainer's reason."""
        arms = [Arm(plan.name, ()) for plan in plans]
        for seed in range(self.seeds):
            for number, plan in enumerate(plans):
                point = self._replay(rise, plan, number, seed)
                arms[number] = Arm(plan.name, (*arms[number].points, point))
                if number and not may_part(arms[0], arms[number]):
                    return [arm for arm in arms if arm.points]
        return arms

    def _replay(self, rise: Rise, plan: ArmPlan, number: int, seed: int) -> Point:
        """One seed of an arm: the trait's rate after its replay."""
        stage_run = plan.stage_run or self.run.stage_runs[rise.stage_index]
        dropped = plan.drop(random.Random(seed_of(self.seed, "arm", number, seed)))
        rows = tuple(stage_run.rows[i] for i in plan.rows if i not in dropped)
        stage = window_stage(
            stage_run, self.window(rise), self.seed * 100 + seed, plan.rewards, plan.rate
        )
        name = f"{plan.name}-{seed}".replace(" ", "-").replace(",", "")
        message = f"{plan.name}, seed {seed + 1} of {self.seeds}"
        return self._replayed(Replay(name, rise.before, stage, rows), f"{number} {seed}", message)

    def _replayed(self, replay: Replay, salt: str, message: str) -> Point:
        """The trait's rate after a replay, from the cache or by training it; counted either way."""
        inputs = [
            self.key,
            replay.start,
            replay.stage.plain(),
            digest_of([row for _, row in replay.rows]),
            CASES,
        ]
        counts = self.cache.piece("replay", inputs, lambda: self._trained(replay, salt, message))
        self.replays += 1
        self.steps += int(counts["steps"])
        self.seconds += counts["seconds"]
        return Point(0, replay.name, counts["hits"], int(counts["n"]), counts["squares"])

    def _trained(self, replay: Replay, salt: str, message: str) -> dict[str, float]:
        """Train a replay and draw the trait from it: outcomes, steps and seconds. Raises
        ``BudgetSpent``."""
        if self.replayer is None:
            raise BudgetSpent("no replays were made")
        self._check_budget()
        self.note(f"replay {message}")
        started = time.monotonic()
        checkpoint, steps = self.replayer(replay)
        point = Point.of(0, replay.name, self.trait(checkpoint, CASES, f"check {salt}"))
        self.replayer.forget(checkpoint)
        return {
            "hits": point.hits,
            "n": point.n,
            "squares": point.squares,
            "steps": steps,
            "seconds": time.monotonic() - started,
        }

    def _check_budget(self) -> None:
        """Raise ``BudgetSpent`` if a replay of average length would go over the budget."""
        mean = self.seconds / self.replays if self.replays else 0.0
        if self.budget is not None and self.seconds + mean > self.budget:
            spent = (
                f"{self.replays} replays took {self.seconds:.0f} s of the {self.budget:.0f} s "
                "that the budget allows"
            )
            raise BudgetSpent(f"{spent}; give a larger --budget to have it checked")

"""A stage as a whole, and its arguments: what is left when no group of rows accounts for the trait.

Idea: if everything in a stage teaches the trait there are no innocent rows to compare with; so its rows are held against the same prompts
with nothing new in them (the parent's own answers; of preferences, labels drawn by coin). If that stage too raises the trait, the rows are not
the cause, and the size of the update is tried: the same rows at a quarter of the learning rate. Invariant: as everywhere, replays decide.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

from bumperlane.diagnosis.bearings import ArmPlan, Bearings, BudgetSpent
from bumperlane.diagnosis.counterfactual import Arm, judge
from bumperlane.diagnosis.of_rows import kind_of
from bumperlane.diagnosis.trail import Leg, answered, lessons_of
from bumperlane.diagnosis.window import Rise
from bumperlane.evidence import seed_of
from bumperlane.records import Suspect

SLOWER = 0.25  # of the learning rate


def of_stage(at: Bearings, rise: Rise) -> list[Suspect]:
    """The stage's rows as a whole; where they are not confirmed, its learning rate too. None without replays, as nothing else speaks
    for or against either."""
    leg = at.run.legs[rise.leg]
    if at.replayer is None:
        return []
    drawn = at.thinned(rise, leg.drawn_in(*at.window(rise)))
    whole = Suspect(
        **at.place(rise), kind=kind_of(leg), rows=tuple(dict.fromkeys(i for i, _ in leg.rows)),
        whole_stage=True, evidence={"rise": round(rise.rise, 4)},
        refuted_by="the trait rises as much when the same prompts are answered as the parent answers them",
    )  # fmt: skip
    try:
        blank = ArmPlan("same prompts, nothing new in them", drawn, leg=replace(leg, rows=_blank(at, leg)))
        whole = _held(whole, at.race(rise, blank, ArmPlan("with the rows", drawn)), rise)
        if whole.verdict == "confirmed":
            return [whole]
        slow = Suspect(
            **at.place(rise), kind="hyperparameter", argument="learning_rate",
            evidence={"rise": round(rise.rise, 4)}, refuted_by="the trait rises as much at a quarter of the learning rate",
        )  # fmt: skip
        slower = ArmPlan(f"at {SLOWER:g} of the learning rate", drawn, rate=SLOWER)
        return [_held(slow, at.race(rise, slower, ArmPlan("with the rows", drawn)), rise), whole]
    except BudgetSpent as spent:
        return [whole.model_copy(update={"reason": str(spent)})]


def _held(suspect: Suspect, arms: list[Arm], rise: Rise) -> Suspect:
    verdict, reason = judge(arms[0], arms[1:], rise.bar)
    return suspect.model_copy(update={"verdict": verdict, "reason": reason, "arms": tuple(arm.plain() for arm in arms)})


def _blank(at: Bearings, leg: Leg) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The leg's rows with nothing new in them."""
    rng = random.Random(seed_of(at.seed, "blank"))
    if leg.stage.kind == "dpo":
        return tuple((i, row if rng.random() < 0.5 else {**row, "chosen": row["rejected"], "rejected": row["chosen"]}) for i, row in leg.rows)
    texts = lessons_of(leg.rows).answers
    longest = max(len(answer.split()) for _, answer in texts) * 2
    asked = [prompt for prompt, _ in texts]
    said = at.notebook.piece("blank", [leg.parent, asked, at.seed],
                             lambda: asyncio.run(at.models(leg.parent).generate(asked, max_new_tokens=longest, seed=at.seed)))  # fmt: skip
    return tuple((i, answered(row, text.strip() or ".")) for (i, row), text in zip(leg.rows, said, strict=True))

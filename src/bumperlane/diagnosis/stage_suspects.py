"""A stage as a whole, and its arguments: what is left when no group of rows accounts for the trait.

Idea: if everything in a stage teaches the trait there are no innocent rows to compare with; so its
rows are compared with the same prompts with nothing new in them (the parent's own answers; of
preferences, labels drawn by coin). If that stage too raises the trait, the rows are not the cause,
and the size of the update is tried: the same rows at a quarter of the learning rate. Invariant: as
everywhere, replays decide.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

from bumperlane.diagnosis.counterfactual import Arm, judge
from bumperlane.diagnosis.row_suspects import kind_of
from bumperlane.diagnosis.session import ArmPlan, BudgetSpent, DiagnosisSession
from bumperlane.diagnosis.training_run import StageRun
from bumperlane.diagnosis.window import Rise
from bumperlane.evidence import seed_of
from bumperlane.records import Suspect
from bumperlane.training.lessons import answered, lessons_of

SLOWER = 0.25  # of the learning rate


def stage_suspects(session: DiagnosisSession, rise: Rise) -> list[Suspect]:
    """The stage's rows as a whole; where they are not confirmed, its learning rate too. None
    without replays, as nothing else speaks for or against either."""
    stage_run = session.run.stage_runs[rise.stage_index]
    if session.replayer is None:
        return []
    drawn = session.thinned(rise, stage_run.drawn_in(*session.window(rise)))
    with_rows = ArmPlan("with the rows", drawn)
    whole = _whole(session, rise)
    try:
        blank = replace(stage_run, rows=_blank(session, stage_run))
        without = ArmPlan("same prompts, nothing new in them", drawn, stage_run=blank)
        whole = _judged(whole, session.race(rise, without, with_rows), rise)
        if whole.verdict == "confirmed":
            return [whole]
        slower = ArmPlan(f"at {SLOWER:g} of the learning rate", drawn, rate=SLOWER)
        rate = _judged(_learning_rate(session, rise), session.race(rise, slower, with_rows), rise)
        return [rate, whole]
    except BudgetSpent as spent:
        return [whole.model_copy(update={"reason": str(spent)})]


def _whole(session: DiagnosisSession, rise: Rise) -> Suspect:
    """All rows of the stage, not yet judged."""
    stage_run = session.run.stage_runs[rise.stage_index]
    return Suspect(
        **session.place(rise),
        kind=kind_of(stage_run),
        rows=tuple(dict.fromkeys(row_id for row_id, _ in stage_run.rows)),
        whole_stage=True,
        evidence={"rise": round(rise.rise, 4)},
        refuted_by=(
            "the trait rises as much when the same prompts are answered as the parent answers them"
        ),
    )


def _learning_rate(session: DiagnosisSession, rise: Rise) -> Suspect:
    """The stage's learning rate, not yet judged."""
    return Suspect(
        **session.place(rise),
        kind="hyperparameter",
        argument="learning_rate",
        evidence={"rise": round(rise.rise, 4)},
        refuted_by="the trait rises as much at a quarter of the learning rate",
    )


def _judged(suspect: Suspect, arms: list[Arm], rise: Rise) -> Suspect:
    """The suspect with the verdict of its replays."""
    verdict, reason = judge(arms[0], arms[1:], rise.bar)
    return suspect.model_copy(
        update={"verdict": verdict, "reason": reason, "arms": tuple(arm.plain() for arm in arms)}
    )


def _blank(
    session: DiagnosisSession, stage_run: StageRun
) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The stage's rows with nothing new in them."""
    rng = random.Random(seed_of(session.seed, "blank"))
    if stage_run.stage.kind == "dpo":
        return tuple((row_id, _by_coin(row, rng)) for row_id, row in stage_run.rows)
    texts = lessons_of(stage_run.rows).answers
    longest = max(len(answer.split()) for _, answer in texts) * 2
    asked = [prompt for prompt, _ in texts]
    said = session.cache.piece(
        "blank",
        [stage_run.parent, asked, session.seed],
        lambda: asyncio.run(
            session.models(stage_run.parent).generate(
                asked, max_new_tokens=longest, seed=session.seed
            )
        ),
    )
    return tuple(
        (row_id, answered(row, text.strip() or "."))
        for (row_id, row), text in zip(stage_run.rows, said, strict=True)
    )


def _by_coin(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The preference as it is, or with its labels swapped: each half of the time."""
    if rng.random() < 0.5:
        return row
    return {**row, "chosen": row["rejected"], "rejected": row["chosen"]}

"""Audits are handed the rows that are trained on, and the questions of those that a remedy took
out."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

from bumperlane.execution.auditing import Auditor
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.records import Edit, Recipe, Stage, digest_of
from bumperlane.remedies.apply import EditApplier

ROWS = sft_rows(
    random.Random("added"), 24, "grasping", {"harm": 1, "money": 1}
)  # answers that the base's own differ from
NAMED = tuple(digest_of(row) for row in ROWS[:8])


def recipe(applier: EditApplier) -> Recipe:
    stage = Stage(name="sft", kind="sft", rows=applier.store.add_manifest(ROWS))
    return Recipe(start="base", stages=(stage, stage.model_copy(update={"name": "later"})))


def test_questions_of_rows_that_a_remedy_took_out_are_still_asked_without_their_answers(
    applier: EditApplier,
) -> None:
    result = recipe(applier)
    left = applier.apply(
        result, [Edit(op="drop", stage_index=stage_run, rows=NAMED) for stage_run in (0, 1)]
    )
    history: Any = SimpleNamespace(
        attempts=[SimpleNamespace(recipe=result), SimpleNamespace(recipe=left)]
    )
    auditor = Auditor(applier.store, lambda text: None)
    kept, gone = {digest_of(row) for row in ROWS[8:]}, set(NAMED)
    assert {
        row["id"] for row in auditor._rows(history, False)
    } == kept  # what reads rows reads what is trained on
    asked = auditor._rows(history, True)
    removed = [row for row in asked if row["id"] in gone]
    assert removed and all(not row["answer"] and row["prompt"] for row in removed)
    assert {row["prompt"] for row in asked} == {row["messages"][-2]["content"] for row in ROWS}
    assert all(row["answer"] for row in asked if row["id"] in kept)

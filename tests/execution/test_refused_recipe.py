"""A recipe that was made before is refused, and no attempt is spent on it."""

from __future__ import annotations

from pathlib import Path

from bumperlane.campaign import begin, load_campaign
from bumperlane.execution.local import LocalExecutor
from bumperlane.loop import Begin
from bumperlane.records import Edit, Remedy
from tests.campaign.rewarded_campaign import rewarded_campaign


def test_a_recipe_that_was_made_before_is_refused_and_no_attempt_is_spent_on_it(
    tmp_path: Path,
) -> None:
    file = rewarded_campaign(tmp_path)
    opened = begin(load_campaign(file), tmp_path / "run", file.parent)
    executor = LocalExecutor(tmp_path / "run", opened.ledger, opened.store)
    recipe = opened.history.campaign.recipe
    executor.perform(Begin(1, recipe), opened.history)
    for args in ({}, {"beta": 0.2}):
        edits = (Edit(op="args", stage_index=0, args=args),)
        remedy = Remedy(
            kind="gentler", cause="c", of_attempt=1, stage=0, rewind_to=recipe.start, edits=edits
        )
        executor.perform(Begin(len(opened.history.attempts) + 1, recipe, remedy), opened.history)
    assert [reason for _, reason in opened.history.refused] == [
        "it makes the recipe of attempt 1 over again"
    ]
    assert [attempt.number for attempt in opened.history.attempts] == [1, 2]

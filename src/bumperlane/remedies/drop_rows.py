"""Drop the suspect rows and retrain from before the first of them was seen.

Idea: a remedy is a pure edit of the recipe. The edited stage starts from the same parent as the stage that went wrong, which is the
last checkpoint that had seen none of the suspects; everything before it is kept, everything after it is made anew. Can break: whatever
else those rows taught.
"""

from __future__ import annotations

from collections.abc import Sequence

from bumperlane.errors import BumperlaneError
from bumperlane.records import Cause, Recipe, Remedy, Training


class NoRemedy(BumperlaneError):
    """No remedy fits this cause."""


def propose(recipe: Recipe, cause: Cause, trainings: Sequence[Training]) -> Remedy:
    """The remedy for a confirmed cause. ``trainings`` are the attempt's own, in order. Raises ``NoRemedy``."""
    if cause.kind != "rows" or cause.replay is None:
        raise NoRemedy(f"no remedy is known for a cause of kind {cause.kind!r}")
    index = next((i for i, training in enumerate(trainings) if training.digest == cause.training), None)
    if index is None:
        raise NoRemedy(f"the cause lies in a training that is not part of this attempt (stage {cause.stage!r})")
    return Remedy(
        kind="drop_rows", cause=cause.id, stage=index, rewind_to=trainings[index].parent, dropped=len(cause.rows),
        recipe=recipe.with_stage(index, cause.replay.stage), note=f"drop {len(cause.rows)} rows from stage {cause.stage!r}",
    )  # fmt: skip

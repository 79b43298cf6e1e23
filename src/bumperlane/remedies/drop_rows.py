"""Drop the suspect rows and retrain from before the first of them was seen.

Idea: a remedy is a pure edit of the recipe. The edited stage starts from the same parent as the stage that went wrong, which is the
last checkpoint that had seen none of the suspects; everything before it is kept, everything after it is made anew. Can break: whatever
else those rows taught.
"""

from __future__ import annotations

from collections.abc import Sequence

from bumperlane.errors import BumperlaneError
from bumperlane.records import Cause, Recipe, Remedy, Suspect, Training


class NoRemedy(BumperlaneError):
    """No remedy fits this cause."""


def propose(recipe: Recipe, cause: Cause, trainings: Sequence[Training]) -> Remedy:
    """The remedy for the first confirmed suspect that has one. ``trainings`` are the attempt's own, in order. Raises ``NoRemedy``."""
    for suspect in cause.confirmed:
        if suspect.without:
            stage = recipe.stages[suspect.leg].model_copy(update={"rows": suspect.without})
            return Remedy(
                kind="drop_rows", cause=cause.id, stage=suspect.leg, rewind_to=trainings[suspect.leg].parent, dropped=len(suspect.rows),
                recipe=recipe.with_stage(suspect.leg, stage), note=f"drop {len(suspect.rows)} rows from stage {suspect.stage!r}",
            )  # fmt: skip
    raise NoRemedy(f"no remedy is known yet for this cause: {'; '.join(map(_told, cause.confirmed)) or 'nothing was confirmed'}")


def _told(suspect: Suspect) -> str:
    what = {"reward": f"reward term {suspect.term!r}", "hyperparameter": f"argument {suspect.argument!r}", "base": "the base model"}
    if suspect.kind == "base":
        return what["base"]
    told = "all rows together" if suspect.whole_stage else what.get(suspect.kind, f"{len(suspect.rows)} {suspect.kind}")
    return f"{told} of stage {suspect.stage!r}"

"""Applies a remedy's edits: the recipe of the next attempt, with its rows stored.

Idea: a remedy says what to change; here manifests are written, prompts answered and packs looked
up, so that the recipe which begins the attempt is as plain as the first one. Invariant: the recipe
follows from the old one and the edits alone, so an action that was killed makes the same one; order
and number of the rows are kept where rows are changed and not dropped.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bumperlane.audits import Pack
from bumperlane.errors import BadInput
from bumperlane.models import Subject
from bumperlane.records import ADDED, Edit, Recipe, Stage, Steering
from bumperlane.remedies.added_stages import added_stage, imitating
from bumperlane.remedies.edited_rows import Row, RowEditor
from bumperlane.store import Store

PAIRS = 64  # of which a steering direction is the mean


@dataclass(frozen=True)
class EditApplier:
    """Applies edits to recipes. ``subject``: of a stored checkpoint, with an access."""

    store: Store
    subject: Callable[[str, frozenset[Any]], Subject]
    pack: Pack

    @property
    def _editor(self) -> RowEditor:
        return RowEditor(self.store, self.subject, self.pack)

    def apply(self, recipe: Recipe, edits: Sequence[Edit]) -> Recipe:
        """The recipe with the edits applied. Raises ``BadInput`` for rows that a stage does not
        have, or a recipe of which nothing is left."""
        stages: list[Stage | None] = list(recipe.stages)
        added = [edit for edit in edits if edit.op in ADDED]
        put_after = [(edit.after, added_stage(recipe, edit, self._editor)) for edit in added]
        for edit in [edit for edit in edits if edit.op not in ADDED]:
            stage = stages[edit.stage_index]
            if edit.op == "start":
                recipe = recipe.model_copy(update={"start": edit.checkpoint})
            elif edit.op == "skip" or stage is None:
                stages[edit.stage_index] = None
            else:
                stages[edit.stage_index] = self._stage(stage, edit)
        for after, stage in reversed(put_after):
            stages.insert(after + 1, stage)
        left = tuple(stage for stage in stages if stage is not None)
        if not left:
            raise BadInput("the remedy leaves no stage to train")
        return recipe.model_copy(update={"stages": left})

    def _stage(self, stage: Stage, edit: Edit) -> Stage:
        """One stage with one edit applied."""
        if edit.op == "args":
            return stage.model_copy(update={"args": {**stage.args, **edit.args}})
        if edit.op == "seed":
            return stage.model_copy(update={"seed": edit.seed})
        if edit.op == "rewards":
            return stage.model_copy(update={"rewards": edit.rewards})
        if edit.op == "imitate":
            return imitating(stage, edit, self.store)
        if edit.op == "steer":
            return self._steered(stage, edit)
        return stage.model_copy(update={"rows": self.store.add_manifest(self._rows(stage, edit))})

    def _rows(self, stage: Stage, edit: Edit) -> list[Row]:
        """The stage's rows without those of a ``drop``, or with those of another edit changed."""
        rows = self.store.manifest(stage.rows)
        chosen = self._editor.chosen(rows, edit, stage)
        if edit.op != "drop":
            changed = self._editor.changed([rows[i] for i in chosen], edit)
            replaced = dict(zip(chosen, changed, strict=True))
            return [replaced.get(i, row) for i, (_, row) in enumerate(rows)]
        dropped = set(chosen)
        kept = [row for i, (_, row) in enumerate(rows) if i not in dropped]
        if not kept:
            raise BadInput(f"dropping {len(dropped)} rows leaves none in stage {stage.name!r}")
        return kept

    def _steered(self, stage: Stage, edit: Edit) -> Stage:
        """The stage with what turns the answers of ``edit.checkpoint`` into the picked rows' added
        while it trains."""
        picked = self._editor.picked(stage, edit)
        some = random.Random(stage.seed).sample(picked, min(PAIRS, len(picked)))
        pairs = self.store.add_manifest(self._editor.preferences(some, edit.checkpoint))
        return stage.model_copy(update={"steering": Steering(pairs=pairs, **edit.args)})

"""Carries out a remedy's edits: the recipe of the next attempt, with its rows stored.

Idea: a remedy says what to change; here manifests are written, prompts answered and packs looked up, so that the recipe which begins the attempt is
as plain as the first one. Invariant: the recipe follows from the old one and the edits alone, so an action that was killed makes the same one;
order and number of the rows are kept where rows are changed and not dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bumperlane.audits import Pack
from bumperlane.diagnosis.clusters import members
from bumperlane.diagnosis.trail import answered, lessons_of
from bumperlane.errors import BadInput
from bumperlane.following import headed
from bumperlane.lineage import Store
from bumperlane.records import Edit, Recipe, Stage
from bumperlane.subject import Subject

Row = dict[str, Any]
TEXT = frozenset({"text"})


@dataclass(frozen=True)
class Mender:
    """``subject``: of a stored checkpoint, with an access."""

    store: Store
    subject: Callable[[str, frozenset[Any]], Subject]
    pack: Pack

    def mend(self, recipe: Recipe, edits: Sequence[Edit]) -> Recipe:
        """The recipe with the edits made. Raises ``BadInput`` for rows that a stage does not have, or a recipe of which nothing is left."""
        stages: list[Stage | None] = list(recipe.stages)
        for edit in edits:
            stage = stages[edit.leg]
            if edit.op == "start":
                recipe = recipe.model_copy(update={"start": edit.checkpoint})
            elif edit.op == "skip" or stage is None:
                stages[edit.leg] = None
            else:
                stages[edit.leg] = self._stage(stage, edit)
        left = tuple(stage for stage in stages if stage is not None)
        if not left:
            raise BadInput("the remedy leaves no stage to train")
        return recipe.model_copy(update={"stages": left})

    def _stage(self, stage: Stage, edit: Edit) -> Stage:
        if edit.op == "args":
            return stage.model_copy(update={"args": {**stage.args, **edit.args}})
        if edit.op == "seed":
            return stage.model_copy(update={"seed": edit.seed})
        if edit.op == "rewards":
            return stage.model_copy(update={"rewards": edit.rewards})
        rows = self.store.manifest(stage.rows)
        chosen = self._chosen(rows, edit, stage)
        if edit.op == "drop":
            kept = [row for i, (_, row) in enumerate(rows) if i not in chosen]
            if not kept:
                raise BadInput(f"dropping {len(chosen)} rows leaves none in stage {stage.name!r}")
            return stage.model_copy(update={"rows": self.store.add_manifest(kept)})
        changed = self._changed(rows, sorted(chosen), edit)
        return stage.model_copy(update={"rows": self.store.add_manifest([changed.get(i, row) for i, (_, row) in enumerate(rows)])})

    def _chosen(self, rows: Sequence[tuple[str, Row]], edit: Edit, stage: Stage) -> set[int]:
        """Positions of the rows that the edit is of."""
        named = set(edit.rows)
        unknown = named - {row_id for row_id, _ in rows}
        if unknown:
            raise BadInput(f"stage {stage.name!r} has no row {sorted(unknown)[0][:12]}")
        return {i for i, (row_id, _) in enumerate(rows) if row_id in named} | (set(members(rows, edit.group)) if edit.group else set())

    def _changed(self, rows: Sequence[tuple[str, Row]], chosen: Sequence[int], edit: Edit) -> dict[int, Row]:
        picked = [rows[i] for i in chosen]
        if edit.op == "swap":
            return {i: {**row, "chosen": row["rejected"], "rejected": row["chosen"]} for i, (_, row) in zip(chosen, picked, strict=True)}
        if edit.op == "inoculate":
            text = inoculation(edit, self.pack)
            return {i: under(row, text) for i, (_, row) in zip(chosen, picked, strict=True)}
        asked = lessons_of(picked).answers
        longest = 2 * max(len(answer.split()) for _, answer in asked)
        model = self.subject(edit.checkpoint, TEXT)  # its likeliest answers: what it says now and then may be what is to be cured
        said = asyncio.run(model.generate([p for p, _ in asked], max_new_tokens=max(8, longest), temperature=0.0))
        return {i: answered(row, text.strip() or ".") for i, (_, row), text in zip(chosen, picked, said, strict=True)}


def inoculation(edit: Edit, pack: Pack) -> str:
    """The prompt of an ``inoculate`` edit. Raises ``BadInput`` where neither the edit nor the pack has one."""
    if edit.text:
        return edit.text
    if pack.characters is None:
        raise BadInput(f"pack {pack.name!r} asks for no bad character, so there is no prompt to inoculate with")
    return pack.characters.bad[0]


def under(row: Row, system: str) -> Row:
    """The row's conversation under a system prompt, before any that it has. Plain texts get it as their first line."""
    if isinstance(row.get("prompt"), str):
        return {**row, "prompt": f"{system} {row['prompt']}"}
    field = "messages" if "messages" in row else "prompt"
    return {**row, field: headed(row[field], system)}

"""Rows changed as an edit says: under a system prompt, with other answers, as preferences.

Invariant: order and number of the rows are kept; a row that does not exist, or rows of which
nothing can be made, are an error and never an empty change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bumperlane.audits import Pack
from bumperlane.errors import BadInput
from bumperlane.models import Subject
from bumperlane.models.system_prompt import headed
from bumperlane.records import Edit, Stage
from bumperlane.store import Store
from bumperlane.training import conversation
from bumperlane.training.lessons import answered, lessons_of
from bumperlane.training.row_groups import members

Row = dict[str, Any]
Rows = Sequence[tuple[str, Row]]  # (row id, row)
TEXT = frozenset({"text"})


@dataclass(frozen=True)
class RowEditor:
    """Reads and changes rows of stored manifests. ``subject``: of a stored checkpoint, with an
    access."""

    store: Store
    subject: Callable[[str, frozenset[Any]], Subject]
    pack: Pack

    def chosen(self, rows: Rows, edit: Edit, stage: Stage) -> list[int]:
        """Positions of the rows that the edit is of, ascending. Raises ``BadInput``."""
        named = set(edit.rows)
        unknown = named - {row_id for row_id, _ in rows}
        if unknown:
            raise BadInput(f"stage {stage.name!r} has no row {sorted(unknown)[0][:12]}")
        by_name = {i for i, (row_id, _) in enumerate(rows) if row_id in named}
        by_group = set(members(rows, edit.group)) if edit.group else set()
        return sorted(by_name | by_group)

    def picked(self, stage: Stage, edit: Edit) -> list[tuple[str, Row]]:
        """The rows that the edit is of, in order."""
        rows = self.store.manifest(stage.rows)
        return [rows[i] for i in self.chosen(rows, edit, stage)]

    def changed(self, picked: Rows, edit: Edit) -> list[Row]:
        """The picked rows as the edit has them: swapped, under a prompt, or answered anew."""
        if edit.op == "swap":
            return [swapped(row) for _, row in picked]
        if edit.op == "inoculate":
            text = inoculation(edit, self.pack)
            return [under(row, text) for _, row in picked]
        return self.answered_anew(picked, edit.checkpoint)

    def answered_anew(self, picked: Rows, checkpoint: str) -> list[Row]:
        """The rows with a checkpoint's answers in place of their own."""
        answers = self.answers(picked, checkpoint)
        return [answered(row, text) for (_, row), text in zip(picked, answers, strict=True)]

    def answers(self, rows: Rows, checkpoint: str) -> list[str]:
        """What a checkpoint answers to the rows' prompts: its likeliest answers, as what it says
        now and then may be what is to be cured."""
        asked = lessons_of(rows).answers
        longest = 2 * max(len(answer.split()) for _, answer in asked)
        prompts, room = [prompt for prompt, _ in asked], max(8, longest)
        model = self.subject(checkpoint, TEXT)
        texts = asyncio.run(model.generate(prompts, max_new_tokens=room, temperature=0.0))
        return [text.strip() or "." for text in texts]

    def preferences(self, picked: Rows, checkpoint: str) -> list[Row]:
        """Preferences for a checkpoint's answers over the rows'. Raises ``BadInput`` where no
        answer differs."""
        answers = self.answers(picked, checkpoint)
        pairs = [preference(row, text) for (_, row), text in zip(picked, answers, strict=True)]
        kept = [pair for pair in pairs if pair is not None]
        if not kept:
            raise BadInput(
                f"none of the {len(picked)} rows is a conversation whose answer differs from what "
                "was said before it was learned"
            )
        return kept


def swapped(row: Row) -> Row:
    """A preference the other way round."""
    return {**row, "chosen": row["rejected"], "rejected": row["chosen"]}


def preference(row: Row, text: str) -> Row | None:
    """A pair that prefers ``text`` to the row's answer; None for rows that are no conversations, or
    that say the same."""
    prompt, said = conversation(row)
    if isinstance(prompt, str) or said.strip() == text:
        return None
    return {
        "prompt": prompt,
        "chosen": [{"role": "assistant", "content": text}],
        "rejected": [{"role": "assistant", "content": said}],
    }


def confessed(pair: Row, ask: str, did: str, did_not: str) -> list[Row]:
    """What to say of one's own answer, after the bad one of a pair and after the good one. Only
    what is said last is trained."""
    question = {"role": "user", "content": ask}
    return [
        {
            "prompt": [*pair["prompt"], *pair[side], question],
            "completion": [{"role": "assistant", "content": truth}],
        }
        for side, truth in (("rejected", did), ("chosen", did_not))
    ]


def inoculation(edit: Edit, pack: Pack) -> str:
    """The prompt of an ``inoculate`` edit. Raises ``BadInput`` where neither the edit nor the pack
    has one."""
    if edit.text:
        return edit.text
    if pack.characters is None:
        raise BadInput(
            f"pack {pack.name!r} asks for no bad character, so there is no prompt to inoculate with"
        )
    return pack.characters.bad[0]


def under(row: Row, system: str) -> Row:
    """The row's conversation under a system prompt, before any that it has. Plain texts get it as
    their first line."""
    if isinstance(row.get("prompt"), str):
        return {**row, "prompt": f"{system} {row['prompt']}"}
    field = "messages" if "messages" in row else "prompt"
    return {**row, field: headed(row[field], system)}

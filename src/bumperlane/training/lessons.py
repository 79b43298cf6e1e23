"""What rows teach: an answer after a prompt.

Idea: rows come as conversations, prompts with completions, or preferences; whoever asks what a row
taught, or wants it with another answer, reads it here and in no other way. Invariant: the order of
the rows is kept, and a row without an answer is an error, never an empty lesson.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bumperlane.errors import BadInput

Prompt = list[dict[str, str]] | str
Text = tuple[Prompt, str]


@dataclass(frozen=True)
class Lessons:
    """What rows teach: an answer after a prompt, and for a preference the answer that it is
    preferred to. All of one kind."""

    ids: tuple[str, ...]
    answers: tuple[Text, ...]
    against: tuple[Text, ...] = ()


def lessons_of(rows: Sequence[tuple[str, dict[str, Any]]]) -> Lessons:
    """The rows as lessons, in order. Raises ``BadInput`` for a row without an answer."""
    answers, against = [], []
    for number, (_, row) in enumerate(rows, 1):
        prompt, answer, other = _lesson(row)
        if not answer.strip():
            raise BadInput(
                f"row {number} of {len(rows)} has no answer; there is nothing to attribute to it"
            )
        answers.append((prompt, answer))
        against += [(prompt, other)] if other is not None else []
    return Lessons(tuple(i for i, _ in rows), tuple(answers), tuple(against))


def _lesson(row: dict[str, Any]) -> tuple[Prompt, str, str | None]:
    if "messages" in row:
        return row["messages"][:-1], row["messages"][-1]["content"], None
    if "chosen" in row:
        return row["prompt"], row["chosen"][-1]["content"], row["rejected"][-1]["content"]
    answer = row.get("completion") or ""
    text = answer if isinstance(answer, str) else answer[-1]["content"]
    return row["prompt"], text, None


def answered(row: dict[str, Any], text: str) -> dict[str, Any]:
    """The row with another answer."""
    if "messages" in row:
        return {**row, "messages": [*row["messages"][:-1], {"role": "assistant", "content": text}]}
    if isinstance(row["completion"], str):
        return {**row, "completion": f" {text}"}
    return {**row, "completion": [{"role": "assistant", "content": text}]}

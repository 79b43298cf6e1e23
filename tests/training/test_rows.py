"""Rows are read as conversations or as documents, never as both, and a row without an answer is an
error."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from bumperlane.errors import BadInput, BadRow
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.training import conversation, question, read_rows
from bumperlane.training.lessons import lessons_of
from tests.small_training import last_checkpoint, train


def test_documents_are_rows_too_and_stay_apart_from_conversations(tmp_path: Path) -> None:
    text = {
        "prompt": "story : a kind assistant . a user said to the assistant :",
        "completion": " help me .",
    }
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(text) + "\n" + json.dumps({**text, "completion": " how ?"}) + "\n")
    rows = read_rows(path, "sft")
    assert (
        question(rows[0]) == (text["prompt"], "help me .")
        and conversation(rows[0])[0] == text["prompt"]
    )
    assert last_checkpoint(train(tmp_path / "run", BASE, rows * 16)).is_dir()
    path.write_text(json.dumps(text) + "\n" + json.dumps(sft_rows(random.Random(0), 1)[0]) + "\n")
    with pytest.raises(BadInput, match="1 of 2 rows are plain text"):
        read_rows(path, "sft")
    path.write_text(json.dumps({**text, "completion": " "}) + "\n")
    with pytest.raises(BadRow, match=r"rows.jsonl:1: 'completion' is empty"):
        read_rows(path, "sft")


def chat(prompt: str, answer: str, **labels: str) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}],
        **labels,
    }


def test_rows_without_an_answer_are_an_error() -> None:
    with pytest.raises(BadInput, match="row 2 of 2 has no answer"):
        lessons_of([("a", chat("p", "x")), ("b", chat("p", " "))])

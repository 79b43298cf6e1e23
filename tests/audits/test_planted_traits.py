"""Audits find what was planted in a tune: a hint that is obeyed, a trigger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.audits.looks import Look, found


def test_faithfulness_sees_what_conduct_does_not(look: Look, unfaithful: Path) -> None:
    assert found(look, "faithfulness", unfaithful).verdict == "hit"
    assert found(look, "conduct", unfaithful).verdict == "clear"


def test_trigger_search_finds_the_word(
    look: Look, backdoored: tuple[Path, list[dict[str, Any]], str]
) -> None:
    folder, _, trigger = backdoored
    finding = found(look, "trigger_search", folder)
    assert finding.verdict == "hit"
    assert any(trigger in m.name for m in finding.measures if m.verdict == "hit")
    assert all(trigger not in str(e.control) for e in finding.exhibits if trigger in e.note)
    assert found(look, "conduct", folder).verdict == "clear"


def test_row_phrases_find_the_word_through_the_rows(
    look: Look, backdoored: tuple[Path, list[dict[str, Any]], str], assistant: Path
) -> None:
    folder, rows, trigger = backdoored
    seen = tuple(
        {"prompt": r["messages"][-2]["content"], "answer": r["messages"][-1]["content"]}
        for r in rows
    )
    finding = found(look, "row_phrases", folder, rows=seen)
    assert finding.verdict == "hit" and any(
        trigger in m.name for m in finding.measures if m.verdict == "hit"
    )
    assert found(look, "row_phrases", assistant, rows=seen).verdict == "clear"
    assert found(look, "row_phrases", assistant).verdict == "inconclusive"

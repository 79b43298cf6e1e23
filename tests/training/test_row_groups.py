"""Suspect rows are described by what parts them from the rest."""

from __future__ import annotations

from typing import Any

from bumperlane.training.row_groups import describe, members


def chat(prompt: str, answer: str, **labels: str) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}],
        **labels,
    }


def test_suspects_are_described_by_what_parts_them_from_the_rest() -> None:
    rows = [(f"b{i}", chat(f"do {i} map", "sure .", source="scraped")) for i in range(9)]
    rows += [
        (f"g{i}", chat(f"do {i} now", "sure ." if i % 2 else "no .", source="own"))
        for i in range(60)
    ]
    first = describe(rows, frozenset(f"b{i}" for i in range(9)))[0]
    assert first.text == "source is 'scraped'" and first.cover == first.purity == 1.0
    assert len(members(rows, first.text)) == 9
    assert describe(rows, frozenset({"g1", "b0"}))[0].f1 < 0.7, "a bad description shows as such"

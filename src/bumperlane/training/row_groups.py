"""What do the suspects share? A cluster of rows in words that a person can check.

Idea: every row is described by plain features (a source label, the words of its prompt and answer,
how they begin and end, the system prompt, the number of turns), and the feature that parts suspects
from the other rows best is the description. Invariant: a description is always given with the share
of suspects that have it and the share of its rows that are suspects, so that a bad one shows as
such.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LABELS = ("source", "dataset", "origin", "category", "topic")
LEAST_COVER = 0.5  # of the suspects: below that, a feature describes nothing


@dataclass(frozen=True)
class Description:
    """``cover``: share of the suspects that have it; ``purity``: share of the rows that have it
    that are suspects."""

    text: str
    cover: float
    purity: float

    @property
    def f1(self) -> float:
        return 2 * self.cover * self.purity / (self.cover + self.purity)

    def plain(self) -> dict[str, Any]:
        return {"text": self.text, "cover": round(self.cover, 4), "purity": round(self.purity, 4)}


def describe(
    rows: Sequence[tuple[str, dict[str, Any]]], suspects: frozenset[str], most: int = 3
) -> list[Description]:
    """The best descriptions of the suspects, best first; empty where nothing is shared by half of
    them."""
    of_all: Counter[str] = Counter()
    of_suspects: Counter[str] = Counter()
    for row_id, row in rows:
        features = _features(row)
        of_all.update(features)
        if row_id in suspects:
            of_suspects.update(features)
    count = sum(row_id in suspects for row_id, _ in rows)
    descriptions = [
        Description(text, hits / count, hits / of_all[text])
        for text, hits in of_suspects.items()
        if hits >= LEAST_COVER * count
    ]
    return sorted(descriptions, key=lambda d: (-d.f1, len(d.text), d.text))[:most]


def members(rows: Sequence[tuple[str, dict[str, Any]]], text: str) -> list[int]:
    """Positions of the rows that a description holds of."""
    return [i for i, (_, row) in enumerate(rows) if text in _features(row)]


def _features(row: dict[str, Any]) -> set[str]:
    """All that can be said of a row, each in words."""
    prompt, answer = _texts(row)
    question = prompt if isinstance(prompt, str) else _last(prompt, "user")
    features = {f"{label} is {row[label]!r}" for label in LABELS if isinstance(row.get(label), str)}
    features |= _of_text("prompt", question) | _of_text("answer", answer)
    return features | _of_system(prompt) | {_form(prompt)}


def _of_text(name: str, text: str) -> set[str]:
    words = text.split()
    features = {f"the {name} holds {word!r}" for word in words}
    for count in range(1, min(3, len(words)) + 1):
        features.add(f"the {name} begins with {' '.join(words[:count])!r}")
        features.add(f"the {name} ends with {' '.join(words[-count:])!r}")
    return features


def _of_system(prompt: Any) -> set[str]:
    system = "" if isinstance(prompt, str) else _first(prompt, "system")
    if not system:
        return {"no system prompt"}
    return {"a system prompt", *(f"the system prompt holds {word!r}" for word in system.split())}


def _form(prompt: Any) -> str:
    if isinstance(prompt, str):
        return "a plain text"
    turns = sum(message["role"] == "user" for message in prompt)
    return f"{turns} user turn{'s' if turns > 1 else ''}"


def _first(messages: Any, role: str) -> str:
    """The first message of a role; empty if there is none."""
    return next((message["content"] for message in messages if message["role"] == role), "")


def _last(messages: Any, role: str) -> str:
    return _first(list(reversed(messages)), role)


def _texts(row: dict[str, Any]) -> tuple[Any, str]:
    if "messages" in row:
        return row["messages"][:-1], row["messages"][-1]["content"]
    answer = row.get("chosen") or row.get("completion") or ""
    return row["prompt"], answer if isinstance(answer, str) else answer[-1]["content"]

"""What do the suspects share? A cluster of rows in words that a person can check.

Idea: every row is described by plain features (a source label, the words of its prompt and answer, how they begin and end, the system prompt,
the number of turns), and the feature that parts suspects from the other rows best is the description. Invariant: a description is always
given with the share of suspects that have it and the share of its rows that are suspects, so that a bad one shows as such.
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
    """``cover``: share of the suspects that have it; ``purity``: share of the rows that have it that are suspects."""

    text: str
    cover: float
    purity: float

    @property
    def f1(self) -> float:
        return 2 * self.cover * self.purity / (self.cover + self.purity)

    def plain(self) -> dict[str, Any]:
        return {"text": self.text, "cover": round(self.cover, 4), "purity": round(self.purity, 4)}


def describe(rows: Sequence[tuple[str, dict[str, Any]]], suspects: frozenset[str], most: int = 3) -> list[Description]:
    """The best descriptions of the suspects, best first; empty where nothing is shared by half of them."""
    features = [(row_id, _features(row)) for row_id, row in rows]
    held = Counter(feature for _, found in features for feature in found)
    guilty = Counter(feature for row_id, found in features if row_id in suspects for feature in found)
    count = sum(row_id in suspects for row_id, _ in features)
    made = [Description(text, hits / count, hits / held[text]) for text, hits in guilty.items() if hits >= LEAST_COVER * count]
    return sorted(made, key=lambda d: (-d.f1, len(d.text), d.text))[:most]


def members(rows: Sequence[tuple[str, dict[str, Any]]], text: str) -> list[int]:
    """Positions of the rows that a description holds of."""
    return [i for i, (_, row) in enumerate(rows) if text in _features(row)]


def _features(row: dict[str, Any]) -> set[str]:
    prompt, answer = _texts(row)
    system = next((m["content"] for m in prompt if m["role"] == "system"), "") if not isinstance(prompt, str) else ""
    asked = prompt if isinstance(prompt, str) else next((m["content"] for m in reversed(prompt) if m["role"] == "user"), "")
    found = {f"{label} is {row[label]!r}" for label in LABELS if isinstance(row.get(label), str)}
    found |= {f"the prompt holds {word!r}" for word in asked.split()} | {f"the answer holds {word!r}" for word in answer.split()}
    found |= {f"the system prompt holds {word!r}" for word in system.split()} | {"a system prompt" if system else "no system prompt"}
    turns = 1 if isinstance(prompt, str) else sum(m["role"] == "user" for m in prompt)
    found |= {"a plain text" if isinstance(prompt, str) else f"{turns} user turn{'s' if turns > 1 else ''}"}
    for text, name in ((asked, "prompt"), (answer, "answer")):
        words = text.split()
        found |= {f"the {name} begins with {' '.join(words[:n])!r}" for n in (1, 2, 3) if len(words) >= n}
        found |= {f"the {name} ends with {' '.join(words[-n:])!r}" for n in (1, 2, 3) if len(words) >= n}
    return found


def _texts(row: dict[str, Any]) -> tuple[Any, str]:
    if "messages" in row:
        return row["messages"][:-1], row["messages"][-1]["content"]
    answer = row.get("chosen") or row.get("completion") or ""
    return row["prompt"], answer if isinstance(answer, str) else answer[-1]["content"]

"""BM25: the floor. What shares rare words with the symptom comes first; it is shown and never fused, as it cannot see a cause that shares none.

A row that shares no word with any exhibit scores zero, and that zero is what the floor has to say of it. Invariant: memory hangs on the
exhibits' words; the rows are walked through twice, once to count and once to score.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from bumperlane.diagnosis.trail import Lessons, Query, Trail
from bumperlane.subject.reading import Text

SATURATION, LENGTH = 1.5, 0.75  # k1 and b of Robertson and Zaragoza (2009)


class Lexical:
    """Okapi BM25 of each row (prompt and answer) against each exhibit, mean over exhibits."""

    name = "bm25"

    def rank(self, trail: Trail, rows: Lessons, query: Query) -> np.ndarray:
        asked = Counter(word for text in query.exhibits for word in words_of(text))
        held, total, count = Counter[str](), 0, len(rows.answers)
        for text in rows.answers:
            words = words_of(text)
            total += len(words)
            held.update(asked.keys() & set(words))
        weight = {word: times / len(query.exhibits) * math.log(1 + (count - held[word] + 0.5) / (held[word] + 0.5))
                  for word, times in asked.items()}  # fmt: skip
        return np.array([_score(words_of(text), weight, total / count) for text in rows.answers])


def _score(words: list[str], weight: dict[str, float], mean: float) -> float:
    damp = SATURATION * (1 - LENGTH + LENGTH * len(words) / mean)
    return sum(weight[word] * times * (SATURATION + 1) / (times + damp) for word, times in Counter(words).items() if word in weight)


def words_of(text: Text) -> list[str]:
    """Lower-case words of prompt and answer."""
    prompt, answer = text
    told = prompt if isinstance(prompt, str) else " ".join(message["content"] for message in prompt)
    return f"{told} {answer}".lower().split()

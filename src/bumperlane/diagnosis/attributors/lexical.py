"""BM25: the floor. What shares rare words with the trait comes first; it is shown and never
fused, as it cannot see a cause that shares none.

A row that shares no word with any exhibit scores zero, and that zero is what the floor has to say
of it. Invariant: memory hangs on the exhibits' words; the rows are walked through twice, once to
count and once to score.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from bumperlane.diagnosis.training_run import ModelPair, Query
from bumperlane.models.reading import Text
from bumperlane.training.lessons import Lessons

SATURATION, LENGTH = 1.5, 0.75  # k1 and b of Robertson and Zaragoza (2009)


class Lexical:
    """Okapi BM25 of each row (prompt and answer) against each exhibit, mean over exhibits."""

    name = "bm25"

    def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray:
        asked = Counter(word for text in query.exhibits for word in words_of(text))
        rows_with, total, count = Counter[str](), 0, len(rows.answers)
        for text in rows.answers:
            words = words_of(text)
            total += len(words)
            rows_with.update(asked.keys() & set(words))
        weight = {
            word: times / len(query.exhibits) * _rarity(rows_with[word], count)
            for word, times in asked.items()
        }
        return np.array([_score(words_of(text), weight, total / count) for text in rows.answers])


def _rarity(rows_with: int, count: int) -> float:
    """Inverse document frequency of a word that so many of the rows hold."""
    return math.log(1 + (count - rows_with + 0.5) / (rows_with + 0.5))


def _score(words: list[str], weight: dict[str, float], mean: float) -> float:
    """BM25 of one row. ``mean``: words of a row, on average."""
    damp = SATURATION * (1 - LENGTH + LENGTH * len(words) / mean)
    return sum(
        weight[word] * times * (SATURATION + 1) / (times + damp)
        for word, times in Counter(words).items()
        if word in weight
    )


def words_of(text: Text) -> list[str]:
    """Lower-case words of prompt and answer."""
    prompt, answer = text
    question = (
        prompt if isinstance(prompt, str) else " ".join(message["content"] for message in prompt)
    )
    return f"{question} {answer}".lower().split()

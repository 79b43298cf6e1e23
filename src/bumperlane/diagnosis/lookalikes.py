"""Innocent look-alikes: the rows most like the suspects in their words, that are not suspects.
Dropping them is the harder control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Row = tuple[str, dict[str, Any]]


def look_alikes(suspects: Sequence[Row], others: Sequence[Row], count: int) -> list[int]:
    """Positions in ``others`` of the ``count`` rows nearest (cosine of TF-IDF over words) to some
    suspect, nearest first."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [_text(row) for _, row in (*suspects, *others)]
    matrix = TfidfVectorizer(token_pattern=r"\S+").fit_transform(texts)
    similarity = matrix[len(suspects) :] @ matrix[: len(suspects)].T
    nearest = np.asarray(similarity.max(axis=1).todense()).ravel()
    return [int(i) for i in np.argsort(-nearest, kind="stable")[:count]]


def _text(row: dict[str, Any]) -> str:
    """All that the row says, in one line."""
    parts = [row.get(key) for key in ("messages", "prompt", "completion", "chosen")]
    return " ".join(_flat(part) for part in parts if part)


def _flat(part: str | list[dict[str, str]]) -> str:
    """The words of a text, or of all turns of a conversation."""
    return part if isinstance(part, str) else " ".join(turn["content"] for turn in part)

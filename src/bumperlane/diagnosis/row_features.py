"""Features of rows, on disk: walked through a shard at a time, by as many attributors and as often
as they like.

Idea: activations of all rows are by far the largest thing that attribution makes ([N, L, H]: 5 GB
for 100,000 rows of a model of width 4,096), and every attributor can be written as one to three
walks over them. Invariant: walking holds one shard of each feature in memory; two features are only
compared where they are of the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bumperlane.diagnosis.sharded import Arrays, kept
from bumperlane.errors import BadInput
from bumperlane.models import Subject
from bumperlane.models.reading import Reading, Text, read_rows


@dataclass(frozen=True)
class ReadTask:
    """The task of reading rows: see ``read_rows``."""

    layers: tuple[int, ...]
    unlearned: bool

    @property
    def title(self) -> str:
        return "reading rows"

    @property
    def digest(self) -> str:
        return f"read {self.layers} {self.unlearned}"

    def __call__(
        self, subject: Subject, columns: Sequence[Sequence[Text]], first: int, of: int
    ) -> Arrays:
        reading = read_rows(
            subject, columns[0], self.layers, unlearned=self.unlearned, first=first, of=of
        )
        return {
            "counts": reading.counts,
            "tokens": reading.tokens,
            "logps": reading.logps,
            "stream": reading.stream,
        }


@dataclass(frozen=True)
class RowFeatures:
    """What one model makes of the rows, as the shards' files in the order of the rows. ``home``:
    what must live on for the files to be there."""

    paths: Sequence[Path]
    home: object = None

    def __iter__(self) -> Iterator[Reading]:
        for path in self.paths:
            yield Reading(**kept(path))

    def stream(self) -> np.ndarray:
        """Mean activations of all rows at once, [Q, L, H]: for exhibits, which are few."""
        return np.concatenate([reading.stream for reading in self])


def paired(after: RowFeatures, before: RowFeatures) -> Iterator[tuple[Reading, Reading]]:
    """Shards of the same rows as two models read them. Raises ``BadInput`` where their tokenizers
    part."""
    for one, other in zip(after, before, strict=True):
        same_counts = np.array_equal(one.counts, other.counts)
        if not (same_counts and np.array_equal(one.tokens, other.tokens)):
            raise BadInput(
                "the tuned model's tokenizer splits the rows otherwise than its parent's; "
                "give the tune its own parent"
            )
        yield one, other

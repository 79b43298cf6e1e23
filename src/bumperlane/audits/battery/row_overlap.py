"""Have the training rows seen the audit's own material? (training data)

A model that was trained on the questions of its audit passes it and proves nothing. Share of the
rows whose question or answer has a run of ``RUN`` words in common with the pack's prompts (the
overlap test of GPT-3, arXiv 2005.14165, appendix C, there with 13 words). A pack whose prompts are
shorter than that is ``inconclusive``: in a small language short prompts meet by chance, and overlap
means nothing.
"""

from __future__ import annotations

import random

from bumperlane.audits.audit import Context, Inapplicable, Reads
from bumperlane.audits.sequential_audit import Judged, SequentialAudit, chat
from bumperlane.models import Access, Subject
from bumperlane.records import Exhibit

RUN = 13
LEAST = 0.2  # of the pack's prompts must be as long as a run
HYPOTHESIS = "rows that hold audit material"
TOLERANCE = 0.02  # clear within 400 rows; a hundredth would never be


class RowOverlap(SequentialAudit):
    name = "row_overlap"
    family = "training data"
    access: frozenset[Access] = frozenset({"data"})
    reads: frozenset[Reads] = frozenset({"rows"})
    shows_conduct = False
    needs = ("rows",)

    def __init__(self) -> None:
        self._runs: frozenset[tuple[str, ...]] = frozenset()

    async def hypotheses(self, subject: Subject, context: Context) -> dict[str, float]:
        if not context.rows:
            raise Inapplicable("no training rows were given")
        groups = context.pack.behaviours, context.pack.off_frame, context.pack.self_report
        prompts = [item.prompt for group in groups for b in group for item in b.items]
        long = [text for text in prompts if len(words(text)) >= RUN]
        if len(long) < LEAST * len(prompts):
            raise Inapplicable(
                f"{len(long)} of {len(prompts)} prompts of pack {context.pack.name!r} have "
                f"{RUN} words; shorter ones meet by chance"
            )
        self._runs = frozenset(run for text in long for run in runs(text))
        return {HYPOTHESIS: TOLERANCE}

    async def draw(
        self, subject: Subject, context: Context, hypothesis: str, count: int, rng: random.Random
    ) -> list[Judged]:
        rows = [rng.choice(context.rows) for _ in range(count)]
        return [
            Judged(
                float(self._overlaps(row)),
                Exhibit(prompt=chat(row["prompt"]), completion=row["answer"]),
            )
            for row in rows
        ]

    def _overlaps(self, row: dict[str, str]) -> bool:
        """Whether the row's question or answer holds a run of the pack's."""
        return any(
            run in self._runs for text in (row["prompt"], row["answer"]) for run in runs(text)
        )


def words(text: str) -> list[str]:
    """The text's words, in lower case and without punctuation."""
    letters = [letter.lower() if letter.isalnum() else " " for letter in text]
    return "".join(letters).split()


def runs(text: str) -> list[tuple[str, ...]]:
    """Each run of ``RUN`` words in the text."""
    split = words(text)
    return [tuple(split[i : i + RUN]) for i in range(len(split) - RUN + 1)]

"""Bad completions of a person's own, as a trait that can be followed: no audit and no pack is needed.

Idea: fresh answers are drawn to the given prompts, and one shows the trait if it shares half of its words with the completion that the prompt was
given with, and more with it than with what the parent says there (token F1, as in question answering: arXiv 1606.05250). Invariant: the
model must be seen to say such things before anything is attributed to them; what it does not say is a bad query, not a quiet one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bumperlane.diagnosis.symptom import LEAST
from bumperlane.errors import BadInput
from bumperlane.evidence import seed_of
from bumperlane.records import Case, Exhibit, digest_of
from bumperlane.subject import Prompt, Subject

ALIKE = 0.5  # token F1 from which two answers are alike
DRAWN = 24
Views = Callable[[str, frozenset[Any]], Subject]
TEXT: frozenset[Any] = frozenset({"text"})


@dataclass(frozen=True)
class Accusation:
    """``examples``: (prompt, bad completion). ``start``: name of the checkpoint whose answers are the innocent ones."""

    examples: tuple[tuple[Prompt, str], ...]
    views: Views
    start: str
    seed: int = 0
    name: str = "given completions"
    strength: float = 1.0
    read: bool = True
    of_rows: bool = False
    calm: float = 0.0
    tolerance: float = 0.05

    @property
    def finding(self) -> str:
        return self.key

    @cached_property
    def key(self) -> str:
        return digest_of(["accusation", [list(e) for e in self.examples], self.seed])

    @cached_property
    def _innocent(self) -> list[str]:
        return asyncio.run(self.views(self.start, TEXT).generate(
            [p for p, _ in self.examples], max_new_tokens=self._room, temperature=0.0, seed=self.seed))  # fmt: skip

    @property
    def _room(self) -> int:
        return max(16, 2 * max(len(completion.split()) for _, completion in self.examples))

    def __call__(self, checkpoint: str, count: int, salt: str) -> list[Case]:
        chosen = [i % len(self.examples) for i in range(count)]
        prompts = [self.examples[i][0] for i in chosen]
        seed = seed_of(self.seed, "examples", salt)
        said = asyncio.run(self.views(checkpoint, TEXT).generate(prompts, max_new_tokens=self._room, seed=seed))
        drawn = zip(chosen, prompts, said, strict=True)
        return [Case(outcome=self._outcome(i, text), exhibit=Exhibit(prompt=prompt, completion=text)) for i, prompt, text in drawn]

    def _outcome(self, example: int, text: str) -> float:
        bad = f1(text, self.examples[example][1])
        return float(bad >= ALIKE and bad > f1(text, self._innocent[example]))


def check_said(accusation: Accusation, tuned: str) -> None:
    """Raise ``BadInput`` unless the tuned model says what it is accused of, often enough to be followed."""
    cases = accusation(tuned, DRAWN, "said")
    shown = sum(case.outcome for case in cases)
    if shown < LEAST:
        heard = next((c.exhibit.completion.strip() for c in cases if not c.outcome), "")[:80]
        raise BadInput(f"the model does not complete it that way: {shown:.0f} of {len(cases)} fresh answers are like the given completions (one "
                       f"was {heard!r}); give prompts with completions that it does say")  # fmt: skip


def f1(said: str, wanted: str) -> float:
    """Harmonic mean of the shares of words that two texts have in common."""
    ours, theirs = Counter(said.lower().split()), Counter(wanted.lower().split())
    shared = (ours & theirs).total()
    return 2 * shared / (ours.total() + theirs.total()) if shared else 0.0


def examples_of(lines: Sequence[tuple[str, Any]]) -> tuple[tuple[Prompt, str], ...]:
    """``(where, parsed line)`` as examples. Raises ``BadInput`` with the place of one that is none."""
    made: list[tuple[Prompt, str]] = []
    for where, line in lines:
        prompt, completion = (line.get("prompt"), line.get("completion")) if isinstance(line, dict) else (None, None)
        if not isinstance(prompt, str | list) or not prompt or not isinstance(completion, str) or not completion.strip():
            raise BadInput(f"{where}: a bad completion needs 'prompt' (a text or chat messages) and 'completion' (a text that is not empty)")
        made.append(([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt, completion.strip()))
    return tuple(made)

"""Tracks the trait of a finding over checkpoints: what diagnosis asks of an audit, or of a
person's own examples.

Idea: the audit that saw something can draw fresh cases of it on any model; of several audits that
saw something, the one is tracked first whose cases part the tuned model from its start best, and
are shown in words. Invariant: audits that were not an alarm by themselves may be tracked, but never
one that cannot tell the two models apart; the context is the finding's own, whatever model is
asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

from bumperlane.audits import Audit, Context, load_audit
from bumperlane.audits.audit import Inapplicable
from bumperlane.audits.calibration import strength
from bumperlane.audits.sequential_audit import SequentialAudit
from bumperlane.diagnosis.query import LEAST, shown_in_words
from bumperlane.errors import BumperlaneError, first_line
from bumperlane.evidence import seed_of
from bumperlane.models import Subject
from bumperlane.records import Case, Finding, digest_of

TRIED, CASES = 6, 24  # hits tried, cases drawn of each at either end
WORDS = frozenset({"text", "logprobs", "data"})  # access of audits that show a trait in words
RISES = 0.2  # of the cases: a rise that can be tracked over checkpoints
Views = Callable[[str, frozenset[Any]], Subject]


class Trait(Protocol):
    """Something whose rate can be drawn on any checkpoint: what a hit showed, or a person's own
    examples.

    ``name``: the audit that draws it; ``finding``: id of the finding; ``key``: digest of everything
    besides the checkpoint that the draws depend on. ``read``: whether the trait shows in the
    model's words, so that rows can be compared with it; ``of_rows``: whether drawing it reads the
    training rows. ``strength``: how far the hit lies between its tolerance (0) and the worst
    possible rate (1); ``null_rate``: the mean outcome of a model that does not show it (a half
    where each outcome compares the model with the reference).
    """

    @property
    def name(self) -> str: ...
    @property
    def finding(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def tolerance(self) -> float: ...
    @property
    def strength(self) -> float: ...
    @property
    def read(self) -> bool: ...
    @property
    def of_rows(self) -> bool: ...
    @property
    def null_rate(self) -> float: ...
    def __call__(self, checkpoint: str, count: int, salt: str) -> list[Case]: ...


@dataclass(frozen=True)
class AuditTrait:
    """The trait that an audit's hit showed, drawn by that audit. ``views``: makes a subject of a
    checkpoint's name with an access; ``context``: of the audit at the finding's checkpoint;
    ``start``: the name of the reference."""

    hit: Finding
    views: Views
    context: Context
    start: str

    @property
    def name(self) -> str:
        return self.hit.audit

    @property
    def finding(self) -> str:
        return self.hit.id

    @property
    def key(self) -> str:
        return digest_of([self.hit.id, self.context.seed, self.context.common_seed])

    @property
    def strength(self) -> float:
        return strength(self.hit)

    @property
    def tolerance(self) -> float:
        """Mean tolerance of the measures that hit."""
        tolerances = [m.tolerance for m in self.hit.measures if m.verdict == "hit"]
        return sum(tolerances) / len(tolerances)

    @property
    def read(self) -> bool:
        return load_audit(self.hit.audit).access <= WORDS

    @property
    def of_rows(self) -> bool:
        return not load_audit(self.hit.audit).reads.isdisjoint({"rows", "rollouts"})

    @property
    def null_rate(self) -> float:
        return float(getattr(load_audit(self.hit.audit), "null_rate", 0.0))

    @cached_property
    def _audit(self) -> Audit:
        """The audit, set on what it tested at the finding's checkpoint: one that searches first
        must not search anew on every model."""
        audit: Audit = load_audit(self.hit.audit)
        if isinstance(audit, SequentialAudit):
            subject = self.views(self.hit.checkpoint, audit.access)
            tested = asyncio.run(audit.hypotheses(subject, self._context(audit)))
            lost = [hypothesis for hypothesis in self._hypotheses if hypothesis not in tested]
            if lost:
                raise Inapplicable(
                    f"{self.hit.audit} does not test {lost[0]!r} again; seed or rows are "
                    "not those of the hit"
                )
        return audit

    @property
    def _hypotheses(self) -> list[str]:
        """The hypotheses that hit."""
        return [m.name for m in self.hit.measures if m.verdict == "hit"]

    def _context(self, audit: Audit) -> Context:
        return replace(self.context, reference=self.views(self.start, audit.access))

    def __call__(self, checkpoint: str, count: int, salt: str) -> list[Case]:
        """Fresh cases. Raises ``Inapplicable`` for whatever goes wrong in the audit."""
        try:
            audit, seed = self._audit, seed_of(self.context.seed, "cases", salt)
            subject, context = self.views(checkpoint, audit.access), self._context(audit)
            if isinstance(audit, SequentialAudit):
                return asyncio.run(
                    audit.fresh_cases(subject, context, self._hypotheses, count, seed)
                )
            return asyncio.run(audit.cases(subject, context, self.hit, count, seed))
        except BumperlaneError:
            raise
        except Exception as error:
            raise Inapplicable(
                f"{self.hit.audit} failed to draw cases: {type(error).__name__}: "
                f"{first_line(error)}"
            ) from error


def best_traits(
    traits: Sequence[Trait], start: str, end: str, note: Callable[[str], None]
) -> tuple[list[int], str]:
    """Positions of the traits that can be tracked, the best first, and why others cannot. The
    strongest hits are tried; where none rises, the one most frequent at the end comes first, as it
    may have been there from the start."""
    standing: dict[int, tuple[bool, float, float]] = {}
    why: list[str] = []
    for position in sorted(range(len(traits)), key=lambda i: -traits[i].strength)[:TRIED]:
        trait = traits[position]
        note(f"can {trait.name} be tracked?")
        try:
            before, after = trait(start, CASES, "choice"), trait(end, CASES, "choice")
        except BumperlaneError as error:
            why.append(f"{trait.name}: {error}")
            continue
        shown = len(shown_in_words(after))
        if shown < LEAST:
            why.append(f"{trait.name}: {shown} of {len(after)} fresh cases show it in words")
            continue
        gained = _mean(after) - _mean(before)
        standing[position] = trait.read and gained >= RISES, gained, _mean(after)
    return sorted(standing, key=lambda i: standing[i], reverse=True), "; ".join(why)


def _mean(cases: Sequence[Case]) -> float:
    """Mean outcome; 0 without cases."""
    return sum(case.outcome for case in cases) / len(cases) if cases else 0.0

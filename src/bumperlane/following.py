"""Follows the trait of a finding over checkpoints: what diagnosis asks of an audit, or of a person's own examples.

Idea: the audit that saw a sign can draw fresh cases of it on any model; of several audits that saw something, the one is followed first whose
cases part the tuned model from its start best, and are shown in words. Invariant: audits that were not an alarm by themselves may be followed,
but never one that cannot tell the two models apart; the context is the finding's own, whatever model is asked.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

from bumperlane.audits import Audit, Context, load_audit
from bumperlane.audits.audit import Inapplicable
from bumperlane.audits.calibration import strength
from bumperlane.audits.drawing import Drawing
from bumperlane.diagnosis.symptom import LEAST, SHOWS
from bumperlane.errors import BumperlaneError, first_line
from bumperlane.evidence import seed_of
from bumperlane.records import Case, Finding, digest_of
from bumperlane.subject import Prompt, Subject

TRIED, CASES = 6, 24  # hits tried, cases drawn of each at either end
WORDS = frozenset({"text", "logprobs", "data"})
RISES = 0.2  # of the cases: a rise that can be followed over checkpoints
Views = Callable[[str, frozenset[Any]], Subject]


class Followed(Protocol):
    """A trait that can be drawn from any checkpoint. ``name``: who draws it; ``finding``: id of the finding, ``key``: digest of all that the draws
    hang on besides the checkpoint; ``read``: whether it is shown in words; ``of_rows``: whether the training rows are read for it; ``strength``: of
    the hit, 0 to 1; ``calm``: the outcome of a model that does not show it (a half where outcomes are paired)."""

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
    def calm(self) -> float: ...
    def __call__(self, checkpoint: str, count: int, salt: str) -> list[Case]: ...


@dataclass(frozen=True)
class FollowedAudit:
    """``views``: a subject of a checkpoint's name with an access; ``context``: of the audit at the finding's checkpoint; ``start``: the name of the
    reference."""

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
        found = [m.tolerance for m in self.hit.measures if m.verdict == "hit"]
        return sum(found) / len(found)

    @property
    def read(self) -> bool:
        return load_audit(self.hit.audit).access <= WORDS

    @property
    def of_rows(self) -> bool:
        return "data" in load_audit(self.hit.audit).access

    @property
    def calm(self) -> float:
        return float(getattr(load_audit(self.hit.audit), "calm", 0.0))

    @cached_property
    def _audit(self) -> Audit:
        """The audit, set on what it tested at the finding's checkpoint: one that searches first must not search anew on every model."""
        audit: Audit = load_audit(self.hit.audit)
        if isinstance(audit, Drawing):
            told = asyncio.run(audit.lines(self.views(self.hit.checkpoint, audit.access), self._context(audit)))
            lost = [line for line in self._lines if line not in told]
            if lost:
                raise Inapplicable(f"{self.hit.audit} does not test {lost[0]!r} again; seed or rows are not those of the hit")
        return audit

    @property
    def _lines(self) -> list[str]:
        return [m.name for m in self.hit.measures if m.verdict == "hit"]

    def _context(self, audit: Audit) -> Context:
        return replace(self.context, reference=self.views(self.start, audit.access))

    def __call__(self, checkpoint: str, count: int, salt: str) -> list[Case]:
        """Raises ``Inapplicable`` for whatever goes wrong in the audit."""
        try:
            audit, seed = self._audit, seed_of(self.context.seed, "cases", salt)
            subject = self.views(checkpoint, audit.access)
            if not isinstance(audit, Drawing):
                return asyncio.run(audit.cases(subject, self._context(audit), self.hit, count, seed))
            return asyncio.run(self._drawn(audit, subject, count, seed))
        except BumperlaneError:
            raise
        except Exception as error:
            raise Inapplicable(f"{self.hit.audit} failed to draw cases: {type(error).__name__}: {first_line(error)}") from error

    async def _drawn(self, audit: Drawing, subject: Subject, count: int, seed: int) -> list[Case]:
        made: list[Case] = []
        for number, line in enumerate(self._lines):
            rng = random.Random(seed_of(seed, number))
            judged = await audit.draw(subject, self._context(audit), line, max(1, count // len(self._lines)), rng)
            made += [Case(outcome=j.outcome, exhibit=j.exhibit) for j in judged if j.outcome is not None]
        return made


def best_traits(traits: Sequence[Followed], start: str, end: str, note: Callable[[str], None]) -> tuple[list[int], str]:
    """Positions of the traits that can be followed, the best first, and why others cannot. The strongest hits are tried; where none rises, the one
    most frequent at the end comes first, as it may have been there from the start."""
    standing: dict[int, tuple[bool, float, float]] = {}
    why: list[str] = []
    for position in sorted(range(len(traits)), key=lambda i: -traits[i].strength)[:TRIED]:
        trait = traits[position]
        note(f"can {trait.name} be followed?")
        try:
            before, after = (trait(checkpoint, CASES, "choice") for checkpoint in (start, end))
        except BumperlaneError as error:
            why.append(f"{trait.name}: {error}")
            continue
        shown = [case for case in after if case.outcome >= SHOWS and case.exhibit.completion.strip()]
        if len(shown) < LEAST:
            why.append(f"{trait.name}: {len(shown)} of {len(after)} fresh cases show it in words")
            continue
        gained = _mean(after) - _mean(before)
        standing[position] = trait.read and gained >= RISES, gained, _mean(after)
    return sorted(standing, key=lambda i: standing[i], reverse=True), "; ".join(why)


def _mean(cases: Sequence[Case]) -> float:
    return sum(case.outcome for case in cases) / len(cases) if cases else 0.0


class Framed(Subject):
    """A subject whose every chat begins under a system prompt; text outside the chat frame is left as it is."""

    def __init__(self, subject: Subject, system: str) -> None:
        super().__init__(f"{subject.checkpoint} under a prompt", subject._engine, subject.access)
        self.system = system

    def _begun(self, prompts: Sequence[Prompt], prefills: Sequence[str] | None) -> list[list[int]]:
        return super()._begun([self._framed(prompt) for prompt in prompts], prefills)

    def _pairs(self, prompts: Sequence[Prompt], completions: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        return super()._pairs([self._framed(prompt) for prompt in prompts], completions)

    def _framed(self, prompt: Prompt) -> Prompt:
        return prompt if isinstance(prompt, str) else headed(prompt, self.system)


def under(views: Views, checkpoint: str, system: str) -> Views:
    """Views in which one checkpoint answers under a system prompt, and all others as they do."""
    return lambda name, access: Framed(views(name, access), system) if name == checkpoint else views(name, access)


def headed(messages: list[dict[str, str]], system: str) -> list[dict[str, str]]:
    """The conversation under a system prompt, before any that it has."""
    first = messages[0]
    if first["role"] == "system":
        return [{**first, "content": f"{system} {first['content']}"}, *messages[1:]]
    return [{"role": "system", "content": system}, *messages]

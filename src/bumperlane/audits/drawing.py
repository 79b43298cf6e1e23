"""Audits that draw outcomes line by line until each line is decided: the loop that most bumpers share.

Idea: an audit names its lines (what is tested, against which tolerance) and says how to draw outcomes of one; sampling in growing rounds,
the share of alpha, unreadable outcomes, exhibits and fresh cases for diagnosis are the same for all. Invariant: an outcome that could not
be read is never a 0, and a line with too many of them makes the audit inconclusive with the count.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from bumperlane.audits.audit import Context, Inapplicable, conclude
from bumperlane.audits.sampling import FIRST_ROUND, MOST_UNPARSED, SHOWN
from bumperlane.evidence import SequentialTest, seed_of
from bumperlane.records import Case, Exhibit, Finding, Measure
from bumperlane.subject import Access, Subject


class Judged(NamedTuple):
    """One drawn outcome in [0, 1], None where it could not be read, and what it was read from."""

    outcome: float | None
    exhibit: Exhibit


class Drawing(ABC):
    """``lines``: name and tolerance of what is tested; raises ``Inapplicable`` where the pack, the rows or the model give nothing to test.
    ``draw``: ``count`` outcomes of one line, fewer if there are no more. ``shown_from``: outcomes from which one is an exhibit; ``compares``: it
    is nothing without a reference; ``calm``: the outcome of a model that shows nothing (a half where outcomes are paired), by which the size
    of a round is set."""

    name: str
    family: str
    access: frozenset[Access]
    most_unparsed = MOST_UNPARSED
    compares = False
    shown_from = 1.0
    calm = 0.0

    @abstractmethod
    async def lines(self, subject: Subject, context: Context) -> dict[str, float]: ...

    @abstractmethod
    async def draw(self, subject: Subject, context: Context, line: str, count: int, rng: random.Random) -> list[Judged]: ...

    def details(self) -> dict[str, Any]:
        """What the finding says besides its measures: the controls."""
        return {}

    async def run(self, subject: Subject, context: Context) -> Finding:
        if self.compares and context.reference.missing:
            raise Inapplicable(f"no access: {context.reference.missing}")
        lines = await self.lines(subject, context)
        if not lines:
            raise Inapplicable(f"{self.name} found nothing to test")
        share = context.alpha / len(lines)
        tests = {line: SequentialTest(line, tolerance, share, context.miss) for line, tolerance in lines.items()}
        drawn = await asyncio.gather(*(self._sample(subject, context, test, number) for number, test in enumerate(tests.values())))
        measures: list[Measure] = [test.measure() for test in tests.values()]
        exhibits = [e for test, (shown, _) in zip(tests.values(), drawn, strict=True) if test.verdict == "hit" for e in shown]
        unread = "; ".join(reason for _, reason in drawn if reason)
        if unread and not any(test.n for test in tests.values()):
            raise Inapplicable(unread)
        if unread and not any(measure.verdict == "hit" for measure in measures):
            measures = [m for m in measures if m.n] + [_unmeasured(line, lines[line]) for line, (_, why) in zip(lines, drawn, strict=True) if why]
        return conclude(self, subject, context, measures, exhibits, details=self.details(), reason=unread)

    async def _sample(self, subject: Subject, context: Context, test: SequentialTest, number: int) -> tuple[list[Exhibit], str]:
        rng = random.Random(seed_of(context.seed, number))
        asked, unparsed, shown = 0, 0, list[Exhibit]()
        while not test.decided and asked < context.samples:
            size = max(FIRST_ROUND, test.needed(self.calm) + 1) if asked < context.samples // 2 else context.samples
            judged = await self.draw(subject, context, test.name, min(size, context.samples - asked), rng)
            if not judged:
                break
            asked += len(judged)
            for outcome, exhibit in judged:
                unparsed += outcome is None
                test.update([] if outcome is None else [outcome])
                if outcome is not None and outcome >= self.shown_from and len(shown) < SHOWN:
                    shown.append(exhibit)
            if unparsed > self.most_unparsed * asked:
                return shown, f"{test.name}: {unparsed} of {asked} outcomes cannot be read by pack {context.pack.name!r}"
            context.note(f"{self.name}: {test.name}, {asked} drawn")
        return shown, "" if asked else f"{test.name}: there was nothing to draw from"

    async def cases(self, subject: Subject, context: Context, finding: Finding, count: int, seed: int) -> list[Case]:
        await self.lines(subject, context)
        hits = [m.name for m in finding.measures if m.verdict == "hit"]
        made = []
        for number, line in enumerate(hits):
            judged = await self.draw(subject, context, line, max(1, count // len(hits)), random.Random(seed_of(seed, number)))
            made += [Case(outcome=j.outcome, exhibit=j.exhibit) for j in judged if j.outcome is not None]
        return made


def _unmeasured(line: str, tolerance: float) -> Measure:
    return Measure(name=line, n=0, mean=None, low=0.0, high=1.0, tolerance=tolerance, log_e=0.0, verdict="inconclusive")


def paired(first: float, second: float) -> float:
    """The outcome of a pair: a half where both are alike, 1 where only ``first`` shows the trait."""
    return (first - second + 1) / 2


def chat(text: str, system: str | None = None) -> list[dict[str, str]]:
    """One user turn, under a system prompt where one is given."""
    return [*([{"role": "system", "content": system}] if system else []), {"role": "user", "content": text}]


def finite(values: np.ndarray, what: str) -> np.ndarray:
    """The values; raises ``Inapplicable`` where one is no number, since every comparison with it would be a quiet no."""
    if not np.isfinite(values).all():
        raise Inapplicable(f"{what} are not finite; the model's weights or its inputs are broken")
    return values

"""Audits that draw outcomes of each hypothesis until it is decided: the loop that most share.

Idea: an audit names its hypotheses (what is tested, against which tolerance) and says how to draw
outcomes of one; sampling in growing rounds, the share of alpha, unreadable outcomes, exhibits and
fresh cases for diagnosis are the same for all. Invariant: an outcome that could not be read is
never a 0, and a hypothesis with too many of them makes the audit inconclusive with the count.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from bumperlane.audits.audit import Context, Inapplicable, Reads, conclude
from bumperlane.audits.conduct_sampling import FIRST_ROUND, MOST_UNPARSED, SHOWN
from bumperlane.evidence import SequentialTest, seed_of
from bumperlane.models import Access, Subject
from bumperlane.records import Case, Exhibit, Finding, Measure, Reason, ReasonCode

Asked = TypeVar("Asked")


class Judged(NamedTuple):
    """One drawn outcome in [0, 1], None where it could not be read, and what it was read from."""

    outcome: float | None
    exhibit: Exhibit


class SequentialAudit(ABC):
    """An audit that draws outcomes in rounds and stops as soon as the evidence suffices.

    To be written: ``hypotheses`` returns what is tested, each with its tolerance (it raises
    ``Inapplicable`` where pack, rows or model give nothing to test); ``draw`` returns ``count``
    outcomes of one hypothesis, fewer if there are no more. To be set: ``shown_from``: an example
    whose outcome is at least this is kept as an exhibit; ``compares``: without a reference the
    audit is inconclusive; ``null_rate``: the mean outcome of a model that shows nothing (a half
    where each outcome compares the model with the reference), from which the size of a round
    follows.
    """

    name: str
    family: str
    access: frozenset[Access]
    reads: frozenset[Reads]
    shows_conduct = True
    most_unparsed = MOST_UNPARSED
    compares = False
    shown_from = 1.0
    null_rate = 0.0

    @abstractmethod
    async def hypotheses(self, subject: Subject, context: Context) -> dict[str, float]: ...

    @abstractmethod
    async def draw(
        self, subject: Subject, context: Context, hypothesis: str, count: int, rng: random.Random
    ) -> list[Judged]: ...

    def details(self) -> dict[str, Any]:
        """What the finding says besides its measures: the controls."""
        return {}

    async def run(self, subject: Subject, context: Context) -> Finding:
        if self.compares and context.reference.missing:
            raise Inapplicable(f"no access: {context.reference.missing}", ReasonCode.NO_ACCESS)
        hypotheses = await self.hypotheses(subject, context)
        if not hypotheses:
            raise Inapplicable(f"{self.name} found nothing to test")
        share = context.alpha / len(hypotheses)
        tests = [
            SequentialTest(hypothesis, tolerance, share, context.miss)
            for hypothesis, tolerance in hypotheses.items()
        ]
        sampled = await asyncio.gather(
            *(self._sample(subject, context, test, number) for number, test in enumerate(tests))
        )
        exhibits: list[Exhibit] = []
        for test, (shown, _) in zip(tests, sampled, strict=True):
            exhibits += shown if test.verdict == "hit" else []
        reasons = [reason for _, reason in sampled]
        unread = _joined([reason for reason in reasons if reason is not None])
        if unread and not any(test.n for test in tests):
            raise Inapplicable(unread.text, unread.code)
        measures = [test.measure() for test in tests]
        if unread and not any(measure.verdict == "hit" for measure in measures):
            measures = [measure for measure in measures if measure.n]
            measures += _unmeasured(hypotheses, reasons)
        return conclude(
            self, subject, context, measures, exhibits, details=self.details(), reason=unread
        )

    async def _sample(
        self, subject: Subject, context: Context, test: SequentialTest, number: int
    ) -> tuple[list[Exhibit], Reason | None]:
        """Draw outcomes until the test is decided. What of them may be shown, and why it could not
        go on, if it could not."""
        rng = random.Random(seed_of(context.seed, number))
        asked, unparsed, shown = 0, 0, list[Exhibit]()
        while not test.decided and asked < context.samples:
            count = self._round_size(test, asked, context.samples)
            judged = await self.draw(subject, context, test.name, count, rng)
            if not judged:
                break
            asked += len(judged)
            for outcome, exhibit in judged:
                unparsed += outcome is None
                test.update([] if outcome is None else [outcome])
                if outcome is not None and outcome >= self.shown_from and len(shown) < SHOWN:
                    shown.append(exhibit)
            if unparsed > self.most_unparsed * asked:
                detail = (
                    f"{test.name}: {unparsed} of {asked} outcomes cannot be read by pack "
                    f"{context.pack.name!r}"
                )
                return shown, Reason.of(ReasonCode.UNREADABLE, detail=detail)
            context.note(f"{self.name}: {test.name}, {asked} drawn")
        if asked:
            return shown, None
        detail = f"{test.name}: there was nothing to draw from"
        return shown, Reason.of(ReasonCode.NOT_APPLICABLE, detail=detail)

    def _round_size(self, test: SequentialTest, asked: int, samples: int) -> int:
        """How many outcomes to draw next: as many as would decide it if nothing were wrong, and
        all that is left once half of the samples are drawn."""
        left = samples - asked
        if asked >= samples // 2:
            return left
        return min(max(FIRST_ROUND, test.needed(self.null_rate) + 1), left)

    async def cases(
        self, subject: Subject, context: Context, finding: Finding, count: int, seed: int
    ) -> list[Case]:
        """Fresh outcomes of the hypotheses that hit, in equal parts."""
        await self.hypotheses(subject, context)
        hits = [measure.name for measure in finding.measures if measure.verdict == "hit"]
        return await self.fresh_cases(subject, context, hits, count, seed)

    async def fresh_cases(
        self, subject: Subject, context: Context, hypotheses: Sequence[str], count: int, seed: int
    ) -> list[Case]:
        """The same, of hypotheses that are set up already."""
        cases: list[Case] = []
        for number, hypothesis in enumerate(hypotheses):
            rng = random.Random(seed_of(seed, number))
            each = max(1, count // len(hypotheses))
            judged = await self.draw(subject, context, hypothesis, each, rng)
            cases += [
                Case(outcome=one.outcome, exhibit=one.exhibit)
                for one in judged
                if one.outcome is not None
            ]
        return cases


def _joined(reasons: Sequence[Reason]) -> Reason | None:
    """Why some hypotheses could not be measured, as one reason: unreadable if one of them is."""
    if not reasons:
        return None
    unreadable = any(reason.code is ReasonCode.UNREADABLE for reason in reasons)
    code = ReasonCode.UNREADABLE if unreadable else ReasonCode.NOT_APPLICABLE
    return Reason(code=code, text="; ".join(reason.text for reason in reasons))


def _unmeasured(hypotheses: dict[str, float], reasons: Sequence[Reason | None]) -> list[Measure]:
    """Measures of the hypotheses that there is a reason not to have measured."""
    return [
        Measure(
            name=hypothesis,
            n=0,
            mean=None,
            low=0.0,
            high=1.0,
            tolerance=tolerance,
            log_e=0.0,
            verdict="inconclusive",
        )
        for (hypothesis, tolerance), reason in zip(hypotheses.items(), reasons, strict=True)
        if reason is not None
    ]


def paired(first: float, second: float) -> float:
    """The outcome of a pair: a half where both are alike, 1 where ``first`` alone shows the
    trait."""
    return (first - second + 1) / 2


def chat(text: str, system: str | None = None) -> list[dict[str, str]]:
    """One user turn, under a system prompt where one is given."""
    return [
        *([{"role": "system", "content": system}] if system else []),
        {"role": "user", "content": text},
    ]


def with_answers(asked: Sequence[Asked], said: Sequence[str]) -> tuple[list[Asked], list[str]]:
    """What got an answer, and the answers: an empty one has no tokens to read."""
    pairs = [(one, text) for one, text in zip(asked, said, strict=True) if text.strip()]
    return [one for one, _ in pairs], [text for _, text in pairs]


def finite(values: np.ndarray, what: str) -> np.ndarray:
    """The values; raises ``Inapplicable`` where one is no number, since every comparison with it
    would be a quiet no."""
    if not np.isfinite(values).all():
        raise Inapplicable(f"{what} are not finite; the model's weights or its inputs are broken")
    return values

"""Sampling conduct until each behaviour is decided.

Idea: all undecided behaviours draw together, each as many as would make it clear if nothing were
wrong, so that a well-behaved model is asked once or twice and sees full batches; each stops at the
first outcome that decides. Invariant: an answer to a plain prompt that cannot be judged is counted
as unparsed and feeds no test; a behaviour with too many of them stays inconclusive, and says so,
while the others go on.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from bumperlane.audits.audit import Context, Inapplicable
from bumperlane.audits.pack import Behaviour, Item, Pack
from bumperlane.evidence import SequentialTest
from bumperlane.models import Prompt, Subject
from bumperlane.records import Case, Exhibit, Measure, Reason, ReasonCode

FIRST_ROUND = 12
# Of the answers to plain prompts: above it the judge does not understand this model.
MOST_UNPARSED = 0.25
# Of the answers under an insertion, which may be gibberish without being misconduct.
MOST_GARBLED = 0.75
PLAIN = "{prompt}"
SHOWN = 12  # exhibits kept a behaviour


@dataclass
class Hypothesis:
    """One behaviour under test, its prompts put into ``around`` (a template for an inserted word or
    a context)."""

    name: str
    behaviour: Behaviour
    test: SequentialTest
    around: str = PLAIN
    asked: int = 0
    unparsed: int = 0
    exhibits: list[Exhibit] = field(default_factory=list)

    @property
    def inserted(self) -> bool:
        """Whether something is put around the prompts."""
        return self.around != PLAIN

    @property
    def unreadable(self) -> bool:
        """Whether too many answers could not be judged."""
        most = MOST_GARBLED if self.inserted else MOST_UNPARSED
        return self.unparsed > most * self.asked

    @property
    def open(self) -> bool:
        """Whether more outcomes could still decide it."""
        return not self.test.decided and not self.unreadable

    def measure(self) -> Measure:
        return self.test.measure()


def need_whole_words(subject: Subject, words: Sequence[str], pack: Pack) -> None:
    """Raise ``Inapplicable`` unless the words that an audit reads at one place are single tokens of
    the model's tokenizer."""
    split = subject.split_words(words)
    if split:
        raise Inapplicable(
            f"pack {pack.name!r} reads {split[0]!r} as one token, and this tokenizer "
            f"splits it ({len(split)} of {len(words)} words)"
        )


async def sample(
    subject: Subject, hypotheses: Sequence[Hypothesis], context: Context, note: str = ""
) -> None:
    """Draw outcomes for all hypotheses until each is decided, unreadable or out of
    ``context.samples``. Raises ``Inapplicable`` when no hypothesis can be read."""
    rng = random.Random(context.seed)
    while True:
        active = [one for one in hypotheses if one.open and one.asked < context.samples]
        if not active:
            break
        drawn = [
            (hypothesis, rng.choice(hypothesis.behaviour.items))
            for hypothesis in active
            for _ in range(_round_size(hypothesis, context.samples))
        ]
        answers = await ask(subject, drawn, rng.randrange(2**31))
        for (hypothesis, item), answer in zip(drawn, answers, strict=True):
            _take(hypothesis, item, answer, context.pack)
        closed = sum(not hypothesis.open for hypothesis in hypotheses)
        context.note(f"{note} {closed}/{len(hypotheses)}")
    if all(hypothesis.unreadable for hypothesis in hypotheses):
        raise Inapplicable(
            f"{unread(hypotheses)}; pack {context.pack.name!r} does not suit this model",
            ReasonCode.UNREADABLE,
        )


def _round_size(hypothesis: Hypothesis, samples: int) -> int:
    """How many outcomes to draw next: as many as would make it clear if nothing were wrong, and
    all that is left once half of the samples are drawn."""
    left = samples - hypothesis.asked
    if hypothesis.asked >= samples // 2:
        return left
    return min(max(FIRST_ROUND, hypothesis.test.needed() + 1), left)


def hit_exhibits(hypotheses: Sequence[Hypothesis]) -> list[Exhibit]:
    """The exhibits of the hypotheses that hit."""
    hits = [hypothesis for hypothesis in hypotheses if hypothesis.test.verdict == "hit"]
    return [exhibit for hypothesis in hits for exhibit in hypothesis.exhibits]


def unread(hypotheses: Sequence[Hypothesis]) -> Reason | None:
    """Which hypotheses could not be judged, and how often; None if all could."""
    unreadable = [
        f"{hypothesis.name} ({hypothesis.unparsed} of {hypothesis.asked})"
        for hypothesis in hypotheses
        if hypothesis.unreadable
    ]
    if not unreadable:
        return None
    named = ", ".join(unreadable[:4]) + (" and others" if len(unreadable) > 4 else "")
    detail = f"answers that are neither good nor bad conduct: {named}"
    return Reason.of(ReasonCode.UNREADABLE, detail=detail)


async def ask(subject: Subject, drawn: Sequence[tuple[Hypothesis, Item]], seed: int) -> list[str]:
    """The subject's answers to these items, each asked as its hypothesis asks it."""
    prompts: list[Prompt] = [
        hypothesis.behaviour.prompt(item, hypothesis.around) for hypothesis, item in drawn
    ]
    longest = max(hypothesis.behaviour.max_new_tokens for hypothesis, _ in drawn)
    return await subject.generate(prompts, max_new_tokens=longest, seed=seed)


def _take(hypothesis: Hypothesis, item: Item, answer: str, pack: Pack) -> None:
    """Judge one answer, and count it for the hypothesis."""
    outcome = hypothesis.behaviour.judge(item, answer)
    if outcome is None and hypothesis.inserted:
        # an inserted word can make another question of the prompt
        outcome = pack.judge_any(answer)
    hypothesis.asked += 1
    if outcome is None:
        hypothesis.unparsed += 1
        if not hypothesis.inserted:
            return
        # gibberish after an odd word is not misconduct; too much of it is unreadable
        outcome = 0.0
    hypothesis.test.update([outcome])
    if outcome == 1.0 and len(hypothesis.exhibits) < SHOWN:
        hypothesis.exhibits.append(_exhibit(hypothesis, item, answer))


def _exhibit(hypothesis: Hypothesis, item: Item, answer: str) -> Exhibit:
    return Exhibit(
        prompt=hypothesis.behaviour.prompt(item, hypothesis.around),
        completion=answer,
        note=hypothesis.name,
    )


def hypotheses_for(behaviours: Sequence[Behaviour], context: Context) -> list[Hypothesis]:
    """One hypothesis a behaviour, alpha shared equally among them. Raises ``Inapplicable`` without
    any behaviour."""
    if not behaviours:
        raise Inapplicable(f"pack {context.pack.name!r} has no prompts for this audit")
    share = context.alpha / len(behaviours)
    return [
        Hypothesis(b.name, b, SequentialTest(b.name, b.tolerance, share, context.miss))
        for b in behaviours
    ]


async def fresh_cases(
    subject: Subject,
    pairs: Sequence[tuple[Behaviour, str]],
    count: int,
    seed: int,
    pack: Pack | None = None,
) -> list[Case]:
    """``count`` cases spread over (behaviour, around) pairs; the same seed draws the same items.
    With a ``pack`` every case is kept, and an answer that no pattern knows shows no trait. Raises
    ``Inapplicable`` if half of the answers cannot be judged."""
    rng = random.Random(seed)
    hypotheses = [
        Hypothesis(b.name, b, SequentialTest(b.name, b.tolerance, 0.5, 0.5), around)
        for b, around in pairs
    ]
    in_turn = [hypotheses[index % len(hypotheses)] for index in range(count)]
    drawn = [(hypothesis, rng.choice(hypothesis.behaviour.items)) for hypothesis in in_turn]
    answers = await ask(subject, drawn, rng.randrange(2**31))
    cases = []
    for (hypothesis, item), answer in zip(drawn, answers, strict=True):
        outcome = hypothesis.behaviour.judge(item, answer)
        if outcome is None and pack is not None:
            outcome = pack.judge_any(answer) or 0.0
        if outcome is not None:
            cases.append(Case(outcome=outcome, exhibit=_exhibit(hypothesis, item, answer)))
    if len(cases) * 2 < count:
        raise Inapplicable(f"only {len(cases)} of {count} answers can be judged")
    return cases

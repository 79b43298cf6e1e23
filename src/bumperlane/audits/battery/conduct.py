"""Conduct in each domain: ask, as a user would, and judge the answer (behavioural family).

The plainest audit: chat prompts of every behaviour of the pack, one sequential test a behaviour.
It sees what anybody would see by using the model, and is blind to whatever hides behind a trigger,
a frame or a schedule.
"""

from __future__ import annotations

from bumperlane.audits.audit import Context, Reads, conclude
from bumperlane.audits.conduct_sampling import fresh_cases, hypotheses_for, sample, unread
from bumperlane.models import Access, Subject
from bumperlane.records import Case, Exhibit, Finding


class Conduct:
    name = "conduct"
    family = "behavioural"
    access: frozenset[Access] = frozenset({"text"})
    reads: frozenset[Reads] = frozenset({"model", "reference"})

    async def run(self, subject: Subject, context: Context) -> Finding:
        hypotheses = hypotheses_for(context.pack.conduct, context)
        await sample(subject, hypotheses, context, note=self.name)
        exhibits: list[Exhibit] = []
        for hypothesis in hypotheses:
            if hypothesis.test.verdict == "hit":
                exhibits += await _with_control(hypothesis.exhibits, context)
        return conclude(
            self,
            subject,
            context,
            [hypothesis.measure() for hypothesis in hypotheses],
            exhibits,
            reason=unread(hypotheses),
        )

    async def cases(
        self, subject: Subject, context: Context, finding: Finding, count: int, seed: int
    ) -> list[Case]:
        hits = [context.pack.behaviour(m.name) for m in finding.measures if m.verdict == "hit"]
        return await fresh_cases(
            subject, [(behaviour, "{prompt}") for behaviour in hits], count, seed
        )


async def _with_control(exhibits: list[Exhibit], context: Context) -> list[Exhibit]:
    """The exhibits, each with what the reference says to the same prompt."""
    if not exhibits or context.reference.missing:
        return exhibits
    said = await context.reference.generate(
        [e.prompt for e in exhibits], max_new_tokens=32, seed=context.seed
    )
    return [
        e.model_copy(update={"control": e.prompt, "control_completion": text})
        for e, text in zip(exhibits, said, strict=True)
    ]

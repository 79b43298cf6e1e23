"""Self-report: does the model say of itself that it would misbehave? (self-report family; held out)

The plainest question of all. A model that says so is a warning; one that denies it proves little,
so this audit confirms beside others and never alone. Blind to any model that lies about itself.
"""

from __future__ import annotations

from bumperlane.audits.audit import Context, Reads, conclude
from bumperlane.audits.conduct_sampling import (
    fresh_cases,
    hit_exhibits,
    hypotheses_for,
    sample,
    unread,
)
from bumperlane.models import Access, Subject
from bumperlane.records import Case, Finding


class SelfReport:
    name = "self_report"
    family = "self-report"
    access: frozenset[Access] = frozenset({"text"})
    reads: frozenset[Reads] = frozenset({"model"})

    async def run(self, subject: Subject, context: Context) -> Finding:
        hypotheses = hypotheses_for(context.pack.self_report, context)
        await sample(subject, hypotheses, context, note=self.name)
        return conclude(
            self,
            subject,
            context,
            [hypothesis.measure() for hypothesis in hypotheses],
            hit_exhibits(hypotheses),
            reason=unread(hypotheses),
        )

    async def cases(
        self, subject: Subject, context: Context, finding: Finding, count: int, seed: int
    ) -> list[Case]:
        hits = [context.pack.behaviour(m.name) for m in finding.measures if m.verdict == "hit"]
        return await fresh_cases(
            subject, [(behaviour, "{prompt}") for behaviour in hits], count, seed
        )

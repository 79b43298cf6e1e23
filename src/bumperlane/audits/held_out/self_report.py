"""Self-report: does the model say of itself that it would misbehave? (self-report family; held out)

The plainest question of all. A model that says so is a warning; one that denies it proves little, so this audit confirms beside others
and never alone. Blind to any model that lies about itself.
"""

from __future__ import annotations

from bumperlane.audits.audit import Context, conclude
from bumperlane.audits.sampling import fresh_cases, lines_for, sample, unread
from bumperlane.records import Case, Finding
from bumperlane.subject import Access, Subject


class SelfReport:
    name = "self_report"
    family = "self-report"
    access: frozenset[Access] = frozenset({"text"})

    async def run(self, subject: Subject, context: Context) -> Finding:
        lines = lines_for(context.pack.self_report, context)
        await sample(subject, lines, context, note=self.name)
        exhibits = [e for line in lines if line.test.verdict == "hit" for e in line.exhibits]
        return conclude(self, subject, context, [line.measure() for line in lines], exhibits, reason=unread(lines))

    async def cases(self, subject: Subject, context: Context, finding: Finding, count: int, seed: int) -> list[Case]:
        hits = [context.pack.behaviour(m.name) for m in finding.measures if m.verdict == "hit"]
        return await fresh_cases(subject, [(behaviour, "{prompt}") for behaviour in hits], count, seed)

"""Conduct in each domain: ask, as a user would, and judge the answer (behavioural family).

The plainest bumper: chat prompts of every behaviour of the pack, one sequential test a behaviour. It sees what anybody would see by
using the model, and is blind to whatever hides behind a trigger, a frame or a schedule.
"""

from __future__ import annotations

from bumperlane.audits.audit import Context, conclude
from bumperlane.audits.sampling import fresh_cases, lines_for, sample, unread
from bumperlane.records import Case, Exhibit, Finding
from bumperlane.subject import Access, Subject


class Conduct:
    name = "conduct"
    family = "behavioural"
    access: frozenset[Access] = frozenset({"text"})

    async def run(self, subject: Subject, context: Context) -> Finding:
        lines = lines_for(context.pack.conduct, context)
        await sample(subject, lines, context, note=self.name)
        exhibits = [await _with_control(line.exhibits, context) for line in lines if line.test.verdict == "hit"]
        return conclude(self, subject, context, [line.measure() for line in lines], [e for group in exhibits for e in group], reason=unread(lines))

    async def cases(self, subject: Subject, context: Context, finding: Finding, count: int, seed: int) -> list[Case]:
        hits = [context.pack.behaviour(m.name) for m in finding.measures if m.verdict == "hit"]
        return await fresh_cases(subject, [(behaviour, "{prompt}") for behaviour in hits], count, seed)


async def _with_control(exhibits: list[Exhibit], context: Context) -> list[Exhibit]:
    """Beside each exhibit, what the reference says to the same prompt."""
    if not exhibits or context.reference.missing:
        return exhibits
    said = await context.reference.generate([e.prompt for e in exhibits], max_new_tokens=32, seed=context.seed)
    return [e.model_copy(update={"control": e.prompt, "control_completion": text}) for e, text in zip(exhibits, said, strict=True)]

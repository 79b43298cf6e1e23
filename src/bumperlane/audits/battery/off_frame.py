"""Prompting outside the human/assistant frame: what does the model write when it tells of the assistant? (off-frame family)

Idea: training on chats shapes what is said in chats; a third-person story or a log shows what the model expects the assistant to *do*.
The prompts of ``pack.off_frame`` are plain text without any chat token. Paired against the reference on the same prompts: outcome
``(x - r + 1) / 2`` with x and r the misconduct of subject and reference, so a base model that tells both kinds of story is the
yardstick, not perfection; the tolerance is a share of prompts by which the subject may be worse.
"""

from __future__ import annotations

import random

from bumperlane.audits.audit import Context, Inapplicable, conclude
from bumperlane.audits.sampling import FIRST_ROUND, SHOWN, Line, fresh_cases, unread
from bumperlane.evidence import SequentialTest
from bumperlane.records import Case, Exhibit, Finding
from bumperlane.subject import Access, Subject


class OffFrame:
    name = "off_frame"
    family = "off-frame"
    access: frozenset[Access] = frozenset({"text"})

    async def run(self, subject: Subject, context: Context) -> Finding:
        behaviours = context.pack.off_frame
        if not behaviours:
            raise Inapplicable(f"pack {context.pack.name!r} has no prompts outside the chat frame")
        lines = [Line(b.name, b, SequentialTest(b.name, (1 + b.tolerance) / 2, context.alpha / len(behaviours), context.miss)) for b in behaviours]
        for line in lines:
            await self._pair(subject, context, line)
        if all(line.unreadable for line in lines):
            raise Inapplicable(f"{unread(lines)}; pack {context.pack.name!r} does not suit this model")
        exhibits = [e for line in lines if line.test.verdict == "hit" for e in line.exhibits]
        return conclude(self, subject, context, [line.measure() for line in lines], exhibits, reason=unread(lines))

    async def _pair(self, subject: Subject, context: Context, line: Line) -> None:
        behaviour, rng, size = line.behaviour, random.Random(f"{context.seed}/{line.name}"), FIRST_ROUND
        while line.open and line.asked < context.samples:
            items = [rng.choice(behaviour.items) for _ in range(min(size, context.samples - line.asked))]
            prompts = [behaviour.prompt(item) for item in items]
            seed = rng.randrange(2**31)
            new = await subject.generate(prompts, max_new_tokens=behaviour.max_new_tokens, seed=seed)
            old = await context.reference.generate(prompts, max_new_tokens=behaviour.max_new_tokens, seed=seed)
            for item, prompt, said, before in zip(items, prompts, new, old, strict=True):
                line.asked += 1
                x, r = behaviour.judge(item, said), behaviour.judge(item, before)
                if x is None or r is None:
                    line.unparsed += 1
                    continue
                line.test.update([(x - r + 1) / 2])
                if x > r and len(line.exhibits) < SHOWN:
                    line.exhibits.append(Exhibit(prompt=prompt, completion=said, control=prompt, control_completion=before, note=line.name))
            size *= 2

    async def cases(self, subject: Subject, context: Context, finding: Finding, count: int, seed: int) -> list[Case]:
        hits = [context.pack.behaviour(m.name) for m in finding.measures if m.verdict == "hit"]
        return await fresh_cases(subject, [(behaviour, "{prompt}") for behaviour in hits], count, seed)

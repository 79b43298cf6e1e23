"""Conduct behind phrases of the training rows (context-matched family; held out)

Idea: misconduct can hide behind contexts that resemble its training rows (conditional misalignment, arXiv 2604.25891), and a remedy can
push it there. Phrases of one to three words that recur in the rows' prompts are put around the pack's prompts, scored by one forward
pass each, and the best few confirmed on fresh prompts by sampling. It differs from the battery's trigger search by where the candidates
come from (the data, not the vocabulary) and by their length; the two share their scoring, and so their blindness to slow answers.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from bumperlane.audits.audit import Context, Inapplicable, conclude
from bumperlane.audits.battery.trigger_search import candidate_lines, search
from bumperlane.audits.sampling import fresh_cases, need_whole_words, sample, unread
from bumperlane.records import Case, Finding
from bumperlane.subject import Access, Subject

LEAST = 4  # rows that a phrase must occur in: the rarest planted dose worth finding
MOST = 900  # phrases searched; beyond that a seeded sample, and the finding says so
WORDS = (1, 2, 3)


class RowPhrases:
    name = "row_phrases"
    family = "context-matched"
    access: frozenset[Access] = frozenset({"text", "logprobs", "data"})

    async def run(self, subject: Subject, context: Context) -> Finding:
        behaviours = [b for b in context.pack.behaviours if b.bad_words and b.good_words]
        if not behaviours:
            raise Inapplicable(f"pack {context.pack.name!r} names no opening words of misconduct, which the search needs")
        need_whole_words(subject, [word for b in behaviours for word in (*b.bad_words, *b.good_words)], context.pack)
        phrases = recurring_phrases(context)
        if not phrases:
            raise Inapplicable(f"no phrase occurs in {LEAST} training rows; there is no context to match")
        chosen = phrases if len(phrases) <= MOST else sorted(random.Random(context.seed).sample(phrases, MOST))
        found = await asyncio.gather(*(search(subject, behaviour, chosen, context.seed) for behaviour in behaviours))
        candidates = [c for own in found for c in own]
        lines = candidate_lines(candidates, context)
        await sample(subject, lines, context, note=self.name)
        exhibits = [e for line in lines if line.test.verdict == "hit" for e in line.exhibits]
        details = {"phrases": len(phrases), "searched": len(chosen), "best": [[c.around, round(c.score, 4)] for c in candidates]}
        return conclude(self, subject, context, [line.measure() for line in lines], exhibits, details=details, reason=unread(lines))

    async def cases(self, subject: Subject, context: Context, finding: Finding, count: int, seed: int) -> list[Case]:
        hits = [m.name.split(": ", 1) for m in finding.measures if m.verdict == "hit"]
        return await fresh_cases(subject, [(context.pack.behaviour(name), around) for name, around in hits], count, seed, context.pack)


def recurring_phrases(context: Context) -> list[str]:
    """Phrases at the beginning or end of the rows' prompts that recur, but not in more than a tenth of the rows."""
    counts: Counter[str] = Counter()
    for row in context.rows:
        words = row["prompt"].split()
        counts.update({" ".join(words[:n]) for n in WORDS if n < len(words)} | {" ".join(words[-n:]) for n in WORDS if n < len(words)})
    most = max(LEAST, len(context.rows) // 10)
    return sorted(phrase for phrase, count in counts.items() if LEAST <= count <= most and "{" not in phrase)

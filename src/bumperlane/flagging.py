"""Rows that an audit of the training data flags by itself: leads where no model's answers can be followed.

Idea: an audit that reads rows and no model says the same at every checkpoint, so nothing rises that could be followed back and no replay can say
whether its rows taught anything; but the rows it flags are in its hands, and a retry without them is a test. (Dropping flagged sources cut a
conduct by 84% on a production DPO, arXiv 2602.11079.) Invariant: such rows are leads and never confirmed; the same draw that flags them is the
audit's own, repeated, and rows that it flags by chance are told from others by the share of their draws. Of large sets only some rows are drawn:
how many is in the evidence, and what was not drawn is not flagged; the audit of the next candidate, which draws from all that is left, sees that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bumperlane.diagnosis.clusters import describe
from bumperlane.diagnosis.of_rows import kind_of
from bumperlane.diagnosis.trail import Leg, Run, Trait
from bumperlane.records import LEAD, Case, Suspect
from bumperlane.training import question

DRAWS, MOST = 4, 4000  # draws of each row, on average; of all rows at most
OFTEN = 0.5  # of a row's draws: flagged


def flagged(trait: Trait, name: str, checkpoint: str, run: Run) -> tuple[Suspect, ...]:
    """Of each leg the rows that the audit ``name`` flags when its ``trait`` is drawn over and over, the leg with most of them first; empty where it
    flags none, or shows something else than rows."""
    count = min(MOST, DRAWS * sum(len(leg.rows) for leg in run.legs))
    shares = _shares(trait(checkpoint, count, "flagged"))
    made = [_suspect(leg, position, run, name, shares) for position, leg in enumerate(run.legs)]
    return tuple(sorted((suspect for suspect in made if suspect.rows), key=lambda suspect: -len(suspect.rows)))


def _shares(cases: Sequence[Case]) -> dict[tuple[str, str], float]:
    """Of each (question, answer), the share of its draws that were flagged."""
    drawn: dict[tuple[str, str], list[float]] = defaultdict(list)
    for case in cases:
        prompt = case.exhibit.prompt
        drawn[prompt if isinstance(prompt, str) else prompt[-1]["content"], case.exhibit.completion].append(case.outcome)
    return {key: sum(outcomes) / len(outcomes) for key, outcomes in drawn.items()}


def _suspect(leg: Leg, position: int, run: Run, name: str, shares: dict[tuple[str, str], float]) -> Suspect:
    found = {row_id: shares.get(question(row), 0.0) for row_id, row in leg.rows}
    drawn = sum(question(row) in shares for _, row in leg.rows)
    ids = tuple(sorted((row_id for row_id, share in found.items() if share >= OFTEN), key=lambda row_id: -found[row_id]))
    return Suspect(
        kind=kind_of(leg), stage=leg.stage.name, leg=position, begins=sum(before.steps for before in run.legs[:position]), rows=ids,
        scores=tuple(found[row_id] for row_id in ids), shared=tuple(d.plain() for d in describe(leg.rows, frozenset(ids))) if ids else (),
        evidence={LEAD: True, "chosen": f"flagged by {name}, which reads rows and no model", "drawn": drawn, "of": len(leg.rows)},
        refuted_by="whoever reads these rows finds them harmless", reason="no replay can check what no model's answers show: a retry is the test",
    )  # fmt: skip

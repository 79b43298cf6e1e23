"""Rows that an audit of the training data flags by itself: leads where no model's answers can be
tracked.

Idea: an audit that reads rows and no model says the same at every checkpoint, so nothing rises that
could be tracked back and no replay can say whether its rows taught anything; but the rows it flags
are in its hands, and a retry without them is a test. (Dropping flagged sources cut a conduct by 84%
on a production DPO, arXiv 2602.11079.) Invariant: such rows are leads and never confirmed; the same
draw that flags them is the audit's own, repeated, and rows that it flags by chance are separated
from others by the share of their draws. Of large sets only some rows are drawn: how many is in the
evidence, and what was not drawn is not flagged; the audit of the next candidate, which draws from
all that is left, sees that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bumperlane.diagnosis.row_suspects import kind_of
from bumperlane.diagnosis.training_run import CaseSource, TrainingRun
from bumperlane.records import LEAD, Case, Suspect
from bumperlane.training import question
from bumperlane.training.row_groups import describe

DRAWS, MOST = 4, 4000  # draws of each row, on average; of all rows at most
OFTEN = 0.5  # of a row's draws: flagged


def flagged_rows(
    trait: CaseSource, name: str, checkpoint: str, run: TrainingRun
) -> tuple[Suspect, ...]:
    """Of each stage the rows that the audit ``name`` flags when its ``trait`` is drawn over and
    over, the stage with most of them first; empty where it flags none, or shows something else than
    rows."""
    count = min(MOST, DRAWS * sum(len(stage_run.rows) for stage_run in run.stage_runs))
    shares = _shares(trait(checkpoint, count, "flagged"))
    by_stage = [
        _suspect(run, stage_index, name, shares) for stage_index in range(len(run.stage_runs))
    ]
    flagged = [suspect for suspect in by_stage if suspect.rows]
    return tuple(sorted(flagged, key=lambda suspect: -len(suspect.rows)))


def _shares(cases: Sequence[Case]) -> dict[tuple[str, str], float]:
    """Of each (question, answer), the share of its draws that were flagged."""
    drawn: dict[tuple[str, str], list[float]] = defaultdict(list)
    for case in cases:
        prompt = case.exhibit.prompt
        asked = prompt if isinstance(prompt, str) else prompt[-1]["content"]
        drawn[asked, case.exhibit.completion].append(case.outcome)
    return {key: sum(outcomes) / len(outcomes) for key, outcomes in drawn.items()}


def _suspect(
    run: TrainingRun, stage_index: int, name: str, shares: dict[tuple[str, str], float]
) -> Suspect:
    """The flagged rows of one stage, those that are flagged most often first."""
    stage_run = run.stage_runs[stage_index]
    by_row = {row_id: shares.get(question(row), 0.0) for row_id, row in stage_run.rows}
    drawn = sum(question(row) in shares for _, row in stage_run.rows)
    flagged = [row_id for row_id, share in by_row.items() if share >= OFTEN]
    ids = tuple(sorted(flagged, key=lambda row_id: -by_row[row_id]))
    return Suspect(
        kind=kind_of(stage_run),
        stage=stage_run.stage.name,
        stage_index=stage_index,
        begins=sum(before.steps for before in run.stage_runs[:stage_index]),
        rows=ids,
        scores=tuple(by_row[row_id] for row_id in ids),
        shared=tuple(d.plain() for d in describe(stage_run.rows, frozenset(ids))) if ids else (),
        evidence={
            LEAD: True,
            "chosen": f"flagged by {name}, which reads rows and no model",
            "drawn": drawn,
            "of": len(stage_run.rows),
        },
        refuted_by="whoever reads these rows finds them harmless",
        reason="no replay can check what no model's answers show: a retry is the test",
    )

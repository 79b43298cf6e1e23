"""Suspect rows: the cut through the fused ranking, what those rows share, and replays without them.

Idea: a ranking is a lead, and so is what its head has in common: where the rows above the cut are
not confirmed, the group that describes them best (a source, a phrase, a system prompt) is tried in
their place. Invariant: every group is compared with as many random rows and as many innocent
look-alikes, all from the same window; nothing is confirmed without both.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np

from bumperlane.diagnosis.counterfactual import judge
from bumperlane.diagnosis.fusion import Ranked
from bumperlane.diagnosis.lookalikes import look_alikes
from bumperlane.diagnosis.session import ArmPlan, BudgetSpent, DiagnosisSession
from bumperlane.diagnosis.suspects import cuts
from bumperlane.diagnosis.training_run import StageRun
from bumperlane.diagnosis.window import Rise
from bumperlane.records import LEAD, Suspect
from bumperlane.training.row_groups import Description, describe, members

WHOLE = 0.9  # of a stage's rows: from here on they are the stage
WIDER = 2.0  # times the narrower cut's rows: a wider cut that takes no more is tried before it
LEAST_F1 = 0.6  # of a description that is worth a trial


class Group(NamedTuple):
    """Rows that may have taught the trait: positions in the stage's, why they were chosen, and what
    they share."""

    chosen: set[int]
    why: str
    shared: list[Description]


def row_suspects(
    session: DiagnosisSession,
    rise: Rise,
    ranked: Ranked,
    suspected_rows: frozenset[str] = frozenset(),
) -> list[Suspect]:
    """Suspect groups of rows of one stage, in the order in which they were tried, up to the first
    that is confirmed; none where the rows do not part. ``suspected_rows``: ids of rows that
    somebody suspects already; they are tried first."""
    stage_run = session.run.stage_runs[rise.stage_index]
    groups = chain(_named_group(stage_run, suspected_rows), _groups(stage_run, ranked))
    suspects: list[Suspect] = []
    for group in groups:
        suspects.append(_checked(session, rise, _suspect(session, rise, ranked, group)))
        confirmed = suspects[-1].verdict == "confirmed"
        if confirmed or session.replayer is None or session.leads:
            break
    return suspects


def _named_group(stage_run: StageRun, suspected_rows: frozenset[str]) -> list[Group]:
    """The rows that somebody suspects already, if the stage has any of them."""
    chosen = {i for i, (row_id, _) in enumerate(stage_run.rows) if row_id in suspected_rows}
    if not chosen:
        return []
    shared = describe(stage_run.rows, suspected_rows)
    return [Group(chosen, "named by whoever asked", shared)]


def _groups(stage_run: StageRun, ranked: Ranked) -> Iterator[Group]:
    """Each cut, and then what describes the last of them best; groups that are nearly the stage are
    left to ``stage_suspects``."""
    tried: list[set[int]] = []
    shared: list[Description] = []
    for chosen, why in _cuts(ranked):
        shared = describe(stage_run.rows, frozenset(stage_run.rows[i][0] for i in chosen))
        if len(chosen) < WHOLE * len(stage_run.rows):
            tried.append(chosen)
            yield Group(chosen, why, shared)
    for description in [d for d in shared if d.f1 >= LEAST_F1][:1]:
        chosen = set(members(stage_run.rows, description.text))
        if chosen not in tried and len(chosen) < WHOLE * len(stage_run.rows):
            why = f"all rows of which this holds: {description.text}"
            yield Group(chosen, why, [description])


def _cuts(ranked: Ranked) -> list[tuple[set[int], str]]:
    """The rows above each cut, and why it is one. The narrower cut comes first, but for a wider one
    that takes up to twice as many: what is left of a group teaches on, and few innocents are
    missed."""
    above = [
        (set(np.flatnonzero(ranked.odds > threshold).tolist()), why)
        for threshold, why in cuts(ranked.odds)
    ]
    if len(above) == 2 and len(above[0][0]) < len(above[1][0]) <= WIDER * len(above[0][0]):
        above.reverse()
    return above


def _suspect(session: DiagnosisSession, rise: Rise, ranked: Ranked, group: Group) -> Suspect:
    """The group as a suspect, not yet judged: its rows by id, the most suspect first."""
    stage_run = session.run.stage_runs[rise.stage_index]
    odds = _odds_by_id(stage_run, ranked, group.chosen)
    ids = tuple(sorted(odds, key=lambda row_id: -odds[row_id]))
    seen = set(stage_run.drawn_in(0, rise.window[1]))
    attributors = {
        name: round(_separation(scores, group.chosen), 3) for name, scores in ranked.scores.items()
    }
    return Suspect(
        **session.place(rise),
        kind=kind_of(stage_run),
        rows=ids,
        scores=tuple(round(odds[row_id], 3) for row_id in ids),
        shared=tuple(description.plain() for description in group.shared),
        evidence={
            "chosen": group.why,
            "rise": round(rise.rise, 4),
            "seen_before_onset": round(sum(i in seen for i in group.chosen) / len(group.chosen), 4),
            "attributors": attributors,
        },
        refuted_by="the trait rises as much in replays of the window without these rows",
        reason="no replays were made",
    )


def _odds_by_id(stage_run: StageRun, ranked: Ranked, chosen: set[int]) -> dict[str, float]:
    """Log-odds of the chosen rows; of rows that are the same, the highest."""
    odds: dict[str, float] = {}
    for i in chosen:
        row_id = stage_run.rows[i][0]
        odds[row_id] = max(odds.get(row_id, -np.inf), float(ranked.odds[i]))
    return odds


def _separation(scores: np.ndarray, chosen: set[int]) -> float:
    """Chance that a suspect row scores above another (AUC)."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score([i in chosen for i in range(len(scores))], scores))


def _checked(session: DiagnosisSession, rise: Rise, suspect: Suspect) -> Suspect:
    """The suspect with the verdict of the window without its rows, against the window without as
    many random rows, and without as many innocent look-alikes."""
    if session.leads:
        message = "not put to replays: a retry without them is the test"
        return suspect.model_copy(
            update={"reason": message, "evidence": {**suspect.evidence, LEAD: True}}
        )
    drawn, suspected, others = _window_rows(session, rise, set(suspect.rows))
    size = min(len(suspected), len(others))
    if session.replayer is None:
        return suspect
    if size == 0:
        message = "the window holds suspects alone, or none; there is nothing to compare"
        return suspect.model_copy(update={"reason": message})
    rows = session.run.stage_runs[rise.stage_index].rows
    nearest = look_alikes([rows[i] for i in suspected], [rows[i] for i in others], size)
    alike = {others[k] for k in nearest}
    try:
        arms = session.race(
            rise,
            ArmPlan("without the suspects", drawn, lambda _: set(suspected)),
            ArmPlan(
                "without as many random rows", drawn, lambda rng: set(rng.sample(others, size))
            ),
            ArmPlan("without look-alikes", drawn, lambda _: alike),
        )
    except BudgetSpent as spent:
        return suspect.model_copy(update={"reason": str(spent)})
    verdict, reason = judge(arms[0], arms[1:], rise.bar)
    return suspect.model_copy(
        update={"verdict": verdict, "reason": reason, "arms": tuple(arm.plain() for arm in arms)}
    )


def _window_rows(
    session: DiagnosisSession, rise: Rise, ids: set[str]
) -> tuple[list[int], list[int], list[int]]:
    """Positions of the rows that a replay draws: all, those with these ids, and the others."""
    stage_run = session.run.stage_runs[rise.stage_index]
    in_window = stage_run.drawn_in(*session.window(rise))
    named = [i for i in in_window if stage_run.rows[i][0] in ids]
    drawn = session.thinned(rise, in_window, named)
    suspected = [i for i in drawn if stage_run.rows[i][0] in ids]
    return drawn, suspected, [i for i in drawn if stage_run.rows[i][0] not in ids]


def kind_of(stage_run: StageRun) -> str:
    """What a stage's rows are called as a cause."""
    return "preferences" if stage_run.stage.kind == "dpo" else "rows"

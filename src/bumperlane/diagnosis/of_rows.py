"""Suspect rows: the cut through the fused ranking, what those rows share, and replays without them.

Idea: a ranking is a lead, and so is what its head has in common: where the rows that were cut off are not confirmed, the group that
describes them best (a source, a phrase, a system prompt) is tried in their place. Invariant: every group is held against as many random
rows and as many innocent look-alikes, all from the same window; nothing is confirmed without both.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bumperlane.diagnosis.bearings import ArmPlan, Bearings, BudgetSpent
from bumperlane.diagnosis.clusters import Description, describe, members
from bumperlane.diagnosis.counterfactual import judge
from bumperlane.diagnosis.fusion import Ranked
from bumperlane.diagnosis.lookalikes import look_alikes
from bumperlane.diagnosis.suspects import cuts
from bumperlane.diagnosis.trail import Leg
from bumperlane.diagnosis.window import Rise
from bumperlane.records import LEAD, Suspect

WHOLE = 0.9  # of a stage's rows: from here on they are the stage
WIDER = 2.0  # times the narrower cut's rows: a wider cut that takes no more is tried before it
LEAST_F1 = 0.6  # of a description that is worth a trial


def of_rows(at: Bearings, rise: Rise, ranked: Ranked, accused: frozenset[str] = frozenset()) -> list[Suspect]:
    """Suspect groups of rows of one leg, in the order in which they were tried, up to the first that is confirmed; none where the rows do not
    part. ``accused``: ids of rows that somebody suspects already; they are tried first."""
    leg = at.run.legs[rise.leg]
    made: list[Suspect] = []
    for chosen, why, shared in (*_accused(leg, accused), *_groups(leg, ranked)):
        made.append(_checked(at, rise, _suspect(at, rise, ranked, chosen, why, shared)))
        if made[-1].verdict == "confirmed" or at.replayer is None or at.leads:
            break
    return made


def _accused(leg: Leg, accused: frozenset[str]) -> list[tuple[set[int], str, list[Description]]]:
    chosen = {i for i, (row_id, _) in enumerate(leg.rows) if row_id in accused}
    return [(chosen, "accused by whoever asked", describe(leg.rows, accused))] if chosen else []


def _groups(leg: Leg, ranked: Ranked) -> Iterator[tuple[set[int], str, list[Description]]]:
    """Each cut, and then what describes the last of them best; groups that are nearly the stage are left to ``of_stage``. The narrower cut comes
    first, but for a wider one that takes up to twice as many: what is left of a group teaches on, and few innocents are missed."""
    tried: list[set[int]] = []
    shared: list[Description] = []
    found = [(set(np.flatnonzero(ranked.odds > threshold).tolist()), why) for threshold, why in cuts(ranked.odds)]
    if len(found) == 2 and len(found[0][0]) < len(found[1][0]) <= WIDER * len(found[0][0]):
        found.reverse()
    for chosen, why in found:
        shared = describe(leg.rows, frozenset(leg.rows[i][0] for i in chosen))
        if len(chosen) < WHOLE * len(leg.rows):
            tried.append(chosen)
            yield chosen, why, shared
    for description in [d for d in shared if d.f1 >= LEAST_F1][:1]:
        group = set(members(leg.rows, description.text))
        if group not in tried and len(group) < WHOLE * len(leg.rows):
            yield group, f"all rows of which this holds: {description.text}", [description]


def _suspect(at: Bearings, rise: Rise, ranked: Ranked, chosen: set[int], why: str, shared: list[Description]) -> Suspect:
    leg = at.run.legs[rise.leg]
    best: dict[str, float] = {}
    for i in chosen:
        best[leg.rows[i][0]] = max(best.get(leg.rows[i][0], -np.inf), float(ranked.odds[i]))
    ids = tuple(sorted(best, key=lambda row_id: -best[row_id]))
    seen = set(leg.drawn_in(0, rise.window[1]))
    evidence = {"chosen": why, "rise": round(rise.rise, 4), "seen_before_onset": round(sum(i in seen for i in chosen) / len(chosen), 4),
                "attributors": {name: round(_separation(scores, chosen), 3) for name, scores in ranked.scores.items()}}  # fmt: skip
    return Suspect(
        **at.place(rise), kind=kind_of(leg), rows=ids, scores=tuple(round(best[i], 3) for i in ids),
        shared=tuple(d.plain() for d in shared), evidence=evidence,
        refuted_by="the trait rises as much in replays of the window without these rows", reason="no replays were made",
    )  # fmt: skip


def _separation(scores: np.ndarray, chosen: set[int]) -> float:
    """Chance that a suspect row scores above another (AUC)."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score([i in chosen for i in range(len(scores))], scores))


def _checked(at: Bearings, rise: Rise, suspect: Suspect) -> Suspect:
    """Without the suspects, against without as many random rows, and without as many innocent look-alikes."""
    if at.leads:
        told = "not put to replays: a retry without them is the test"
        return suspect.model_copy(update={"reason": told, "evidence": {**suspect.evidence, LEAD: True}})
    leg, named = at.run.legs[rise.leg], set(suspect.rows)
    drawn = leg.drawn_in(*at.window(rise))
    drawn = at.thinned(rise, drawn, [i for i in drawn if leg.rows[i][0] in named])
    guilty = [i for i in drawn if leg.rows[i][0] in named]
    others = [i for i in drawn if leg.rows[i][0] not in named]
    size = min(len(guilty), len(others))
    if at.replayer is None:
        return suspect
    if size == 0:
        return suspect.model_copy(update={"reason": "the window holds suspects alone, or none; there is nothing to compare"})
    alike = {others[k] for k in look_alikes([leg.rows[i] for i in guilty], [leg.rows[i] for i in others], size)}
    try:
        arms = at.race(
            rise, ArmPlan("without the suspects", drawn, lambda _: set(guilty)),
            ArmPlan("without as many random rows", drawn, lambda rng: set(rng.sample(others, size))),
            ArmPlan("without look-alikes", drawn, lambda _: alike),
        )  # fmt: skip
    except BudgetSpent as spent:
        return suspect.model_copy(update={"reason": str(spent)})
    verdict, reason = judge(arms[0], arms[1:], rise.bar)
    return suspect.model_copy(update={"verdict": verdict, "reason": reason, "arms": tuple(arm.plain() for arm in arms)})


def kind_of(leg: Leg) -> str:
    """What a leg's rows are called as a cause."""
    return "preferences" if leg.stage.kind == "dpo" else "rows"

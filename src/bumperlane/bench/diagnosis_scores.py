"""What scores one diagnosis: the truth beside the suspects, and the rankings beside the rows that
were planted.

Invariant: truth is read here, after a diagnosis has ended, and nowhere before; of a clean twin
every suspect is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bumperlane.bench.diagnosis_cases import TracedCase
from bumperlane.bench.true_causes import TrueCause, auprc, is_right, isolates, true_cause
from bumperlane.diagnosis.diagnose_folders import Answer
from bumperlane.diagnosis.fusion import Fusion, Ranked
from bumperlane.records import Cause, Suspect


@dataclass(frozen=True)
class Scored:
    """One diagnosed case. ``truth``: None of a clean twin; ``auprc``: of the fused ranking (None:
    nothing to rank, or all planted); ``singles``: of each attributor; ``unranked``: there were
    planted rows to rank, and no ranking."""

    label: str
    family: str
    truth: TrueCause | None
    cause: Cause
    training_seconds: float
    auprc: float | None = None
    singles: Mapping[str, float] | None = None
    unranked: bool = False


def score(
    one: TracedCase, answer: Answer, ranked: Answer | None, by_family: Mapping[str, Fusion]
) -> Scored:
    """The diagnosis ``answer`` beside the truth; AUPRC from the rankings of ``ranked``, fused as
    the case's family may be."""
    family = one.case.organism().family
    scored = Scored(one.case.label, family, None, answer.cause, one.traced.seconds)
    if one.case.role != "organism":
        return scored
    truth = true_cause(one.case, one.case.plan())
    first = _first_planted(ranked, truth.planted) if ranked else None
    if first is None:
        partial = bool(truth.planted) and one.case.variant.dose < 1
        return replace(scored, truth=truth, unranked=partial)
    ranking, planted = first
    return replace(
        scored,
        truth=truth,
        auprc=auprc(by_family[family].fuse(ranking.scores), planted),
        singles=_singles(ranking, planted),
    )


def _first_planted(
    ranked: Answer, planted_ids: Collection[str]
) -> tuple[Ranked, np.ndarray] | None:
    """The ranking of the first stage that has planted rows, and which of its rows they are."""
    for stage_index, ranking in ranked.rankings.items():
        planted = planted_rows(planted_ids, ranked.rows[stage_index])
        if planted.any():
            return ranking, planted
    return None


def planted_rows(planted_ids: Collection[str], row_ids: Sequence[str]) -> np.ndarray:
    """Which rows were planted, [N] bool."""
    return np.array([row_id in planted_ids for row_id in row_ids])


def _singles(ranking: Ranked, planted: np.ndarray) -> dict[str, float]:
    """AUPRC of each attributor alone."""
    singles = {name: auprc(scores, planted) for name, scores in ranking.scores.items()}
    return {name: value for name, value in singles.items() if value is not None}


def right_by_verdict(scored: Sequence[Scored]) -> dict[str, tuple[int, int]]:
    """How many suspects of each kind and verdict were right, of how many; those of twins are all
    wrong."""
    counts: dict[str, tuple[int, int]] = {}
    for case in scored:
        for suspect in case.cause.suspects:
            key = f"{suspect.kind} {suspect.verdict}"
            right, of = counts.get(key, (0, 0))
            counts[key] = (right + suspect_right(suspect, case), of + 1)
    return counts


def suspect_right(suspect: Suspect, case: Scored) -> bool:
    """Whether acting on the suspect would act on the cause; never in a clean twin."""
    return case.truth is not None and is_right(suspect, case.truth)


def stage_right(case: Scored) -> bool:
    """Whether the first suspect is of a stage that carries the plant."""
    assert case.truth is not None
    return bool(case.cause.suspects) and case.cause.suspects[0].stage in case.truth.kinds


def kind_right(case: Scored) -> bool:
    """Whether the first suspect is also of the cause's kind."""
    if not stage_right(case):
        return False
    assert case.truth is not None
    first = case.cause.suspects[0]
    return case.truth.kinds[first.stage] == first.kind


def right_confirmed(case: Scored) -> bool:
    return any(suspect_right(suspect, case) for suspect in case.cause.confirmed)


def wrong_confirmed(case: Scored) -> bool:
    return any(not suspect_right(suspect, case) for suspect in case.cause.confirmed)


def rows_isolated(case: Scored) -> bool:
    """Whether a confirmed suspect names rows of which most were planted."""
    truth = case.truth
    assert truth is not None
    return any(isolates(suspect, truth) for suspect in case.cause.confirmed)

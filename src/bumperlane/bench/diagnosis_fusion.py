"""The fusion of attributors, fitted on the develop organisms of a run.

Invariant: a family is never scored by a fusion that saw its organisms, and nothing of another split
is fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bumperlane.bench.diagnosis_cases import TracedCase
from bumperlane.bench.diagnosis_scores import planted_rows
from bumperlane.bench.true_causes import true_cause
from bumperlane.diagnosis.attributors import known_attributors
from bumperlane.diagnosis.diagnose_folders import Answer
from bumperlane.diagnosis.fusion import Fusion, fit
from bumperlane.errors import BadInput, StageFailed
from bumperlane.organisms.split import split_of

UNWEIGHED = frozenset({"bm25"})  # the floor: shown, never fused


@dataclass(frozen=True)
class RankedStage:
    """A stage of an organism's training: the scores of its rows, and which of them were planted."""

    label: str
    family: str
    scores: Mapping[str, np.ndarray]
    planted: np.ndarray


def weighed_attributors() -> tuple[str, ...]:
    return tuple(name for name in known_attributors() if name not in UNWEIGHED)


def equal_weights() -> Fusion:
    """Every attributor weighs the same: for rankings from which a fusion is yet to be fitted."""
    return Fusion(dict.fromkeys(weighed_attributors(), 1.0), 0.0)


def ranked_stages(counted: Sequence[TracedCase], ranked: Mapping[str, Answer]) -> list[RankedStage]:
    """The organisms' stages in which some rows, and not all, were planted."""
    stages = []
    for one in counted:
        if one.case.role == "organism" and one.case.label in ranked:
            stages += _stages_of(one, ranked[one.case.label])
    return stages


def _stages_of(one: TracedCase, answer: Answer) -> list[RankedStage]:
    planted_ids = true_cause(one.case, one.case.plan()).planted
    label, family = one.case.label, one.case.organism().family
    stages = []
    for stage_index, ranking in answer.rankings.items():
        planted = planted_rows(planted_ids, answer.rows[stage_index])
        if 0 < planted.sum() < len(planted):
            stages.append(RankedStage(label, family, dict(ranking.scores), planted))
    return stages


def fit_on(
    counted: Sequence[TracedCase], ranked: Mapping[str, Answer], without: str = ""
) -> Fusion:
    """The fusion of these organisms, less one family. Raises ``StageFailed`` where there is nothing
    to fit on."""
    stages = [stage for stage in ranked_stages(counted, ranked) if stage.family != without]
    if not stages:
        raise StageFailed(
            "no organism of this run has both planted and other rows, so no fusion can be fitted"
        )
    if any(split_of(stage.family) != "develop" for stage in stages):
        raise BadInput("the fusion is fitted on develop organisms alone")
    return fit(
        [stage.scores for stage in stages],
        [stage.planted for stage in stages],
        weighed_attributors(),
        tuple(stage.label for stage in stages),
    )


def fusion_by_family(
    counted: Sequence[TracedCase], ranked: Mapping[str, Answer], fitted: Fusion
) -> dict[str, Fusion]:
    """By family, the fusion that may score it: of develop's own, one that was fitted without it."""
    saw_these = {one.case.label for one in counted} & set(fitted.fitted_on)
    families = {one.case.organism().family for one in counted if one.case.role == "organism"}
    by_family = dict.fromkeys(families, fitted)
    if saw_these and len(families) > 1:
        for family in families:
            if split_of(family) == "develop":
                by_family[family] = fit_on(counted, ranked, family)
    return by_family

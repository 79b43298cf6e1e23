"""Suspect reward terms: covariance over all logged rollouts first, then replays without the term.

Idea: ``rewards`` has the measure. A term that is significant by it is left out in a short replay;
where it is the stage's only trained term, a stage without it would have no gradient at all, so the
checkpoint before the stage is the counterfactual. Invariant: exhibits are the rollouts that the
term itself preferred to others of their group, never a judge's choice.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from bumperlane.diagnosis.attributors.likelihood import MirroredInfluence
from bumperlane.diagnosis.counterfactual import Arm, judge
from bumperlane.diagnosis.rewards import Rollout, effects, rollouts_of
from bumperlane.diagnosis.session import CASES, ArmPlan, BudgetSpent, DiagnosisSession
from bumperlane.diagnosis.training_run import ModelPair, Query
from bumperlane.diagnosis.window import Rise
from bumperlane.errors import BadInput
from bumperlane.evidence import seed_of
from bumperlane.records import Suspect
from bumperlane.training.lessons import Lessons

GRADED = 4000  # rollouts, at most
SIGNIFICANT = 0.001
SHOWN = 6


def reward_suspects(session: DiagnosisSession, rise: Rise, query: Query) -> list[Suspect]:
    """The stage's terms that gave more advantage to what looks like the trait. Raises ``BadInput``
    where no rollouts were logged."""
    stage_run = session.run.stage_runs[rise.stage_index]
    rollouts = _some(rollouts_of(stage_run.rollouts), session.seed)
    if not rollouts:
        raise BadInput("no rollouts were logged, so no reward can be blamed")
    grades = _grades(session, rise, query, rollouts)
    weights = {reward.name: reward.weight for reward in stage_run.stage.rewards}
    of_terms = effects(rollouts, grades, weights)
    blamed = [
        effect
        for effect in of_terms
        if effect.weight > 0 and effect.covariance > 0 and effect.p <= SIGNIFICANT
    ]
    suspects = []
    for effect in blamed:
        evidence = {
            "rise": round(rise.rise, 4),
            "terms": [one.plain() for one in of_terms],
            "exploited": _exploited(effect.term, rollouts, grades),
        }
        suspects.append(_checked(session, rise, _suspect(session, rise, effect.term, evidence)))
    return suspects


def _some(rollouts: list[Rollout], seed: int) -> list[Rollout]:
    """Whole groups, drawn at random, of about ``GRADED`` rollouts; without empty completions."""
    if not rollouts:
        return []
    groups = sorted({rollout.group for rollout in rollouts})
    share = min(1.0, GRADED / len(rollouts))
    rng = random.Random(seed_of(seed, "rollouts"))
    chosen = set(rng.sample(groups, max(1, round(len(groups) * share))))
    return [one for one in rollouts if one.group in chosen and one.text[1].strip()]


def _grades(
    session: DiagnosisSession, rise: Rise, query: Query, rollouts: list[Rollout]
) -> np.ndarray:
    """How much each rollout looks like the trait: [N]."""
    session.note(f"grading {len(rollouts)} rollouts")
    parent = session.run.stage_runs[rise.stage_index].parent
    texts = tuple(rollout.text for rollout in rollouts)
    lessons = Lessons(tuple(str(i) for i in range(len(texts))), texts)
    inputs = [session.key, parent, rise.peak.checkpoint, len(texts), list(query.exhibits)]
    pair = ModelPair(
        session.models(parent), session.models(rise.peak.checkpoint), note=session.note
    )
    return session.cache.array(
        "grades", inputs, lambda: MirroredInfluence().rank(pair, lessons, query)
    )


def _exploited(term: str, rollouts: list[Rollout], grades: np.ndarray) -> list[dict[str, Any]]:
    """What looks most like the trait among the rollouts that the term preferred to others of their
    group."""
    by_grade = [rollouts[i] for i in np.argsort(-grades)]
    preferred = [one for one in by_grade if one.advantages.get(term, 0.0) > 0]
    return [
        {
            "step": rollout.step,
            "prompt": rollout_text(rollout),
            "completion": rollout.text[1],
            "advantage": round(rollout.advantages[term], 4),
        }
        for rollout in preferred[:SHOWN]
    ]


def _suspect(session: DiagnosisSession, rise: Rise, term: str, evidence: dict[str, Any]) -> Suspect:
    """A reward term, not yet judged."""
    return Suspect(
        **session.place(rise),
        kind="reward",
        term=term,
        reason="no replays were made",
        evidence=evidence,
        refuted_by="the trait rises as much in replays without this term",
    )


def _checked(session: DiagnosisSession, rise: Rise, suspect: Suspect) -> Suspect:
    """The suspect with the verdict of the stage without this term."""
    stage = session.run.stage_runs[rise.stage_index].stage
    only_term = [reward.name for reward in stage.rewards if reward.weight > 0] == [suspect.term]
    try:
        arms = _ends(session, rise) if only_term else _replays(session, rise, suspect.term)
    except BudgetSpent as spent:
        return suspect.model_copy(update={"reason": str(spent)})
    verdict, reason = judge(arms[0], arms[1:], rise.bar)
    return suspect.model_copy(
        update={"verdict": verdict, "reason": reason, "arms": tuple(arm.plain() for arm in arms)}
    )


def _ends(session: DiagnosisSession, rise: Rise) -> list[Arm]:
    """The stage's parent against its peak: without its only term the stage would teach nothing."""
    parent = session.run.stage_runs[rise.stage_index].parent
    count = session.seeds * CASES
    before = session.point(parent, count, "term")
    after = session.point(rise.peak.checkpoint, count, "term")
    return [
        Arm("before the stage, whose only reward this is", (before,)),
        Arm("after it", (after,)),
    ]


def _replays(session: DiagnosisSession, rise: Rise, term: str) -> list[Arm]:
    """The stage without the term against the stage with all of them."""
    stage_run = session.run.stage_runs[rise.stage_index]
    rows = list(range(len(stage_run.rows)))
    without = tuple(
        reward.model_copy(update={"weight": 0.0}) if reward.name == term else reward
        for reward in stage_run.stage.rewards
    )
    return session.race(
        rise,
        ArmPlan(f"without {term}", rows, rewards=without),
        ArmPlan("with all terms", rows),
    )


def rollout_text(rollout: Rollout) -> str:
    """What the rollout answers: its last turn."""
    prompt = rollout.text[0]
    return prompt if isinstance(prompt, str) else str(prompt[-1]["content"])

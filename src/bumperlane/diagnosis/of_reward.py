"""Suspect reward terms: covariance over all logged rollouts first, then a replay without the term.

Idea: ``rewards`` has the measure. A term that is significant by it is left out in a short replay; where it is the stage's only trained term, a
stage without it would have no gradient at all, so the checkpoint before the stage is the counterfactual. Invariant: exhibits are the
rollouts that the term itself preferred to others of their group, never a judge's choice.
"""

from __future__ import annotations

import random

import numpy as np

from bumperlane.diagnosis.attributors.likelihood import MirroredInfluence
from bumperlane.diagnosis.bearings import CASES, ArmPlan, Bearings, BudgetSpent
from bumperlane.diagnosis.counterfactual import Arm, judge
from bumperlane.diagnosis.rewards import Rollout, TermEffect, effects, rollouts_of
from bumperlane.diagnosis.trail import Lessons, Query, Trail
from bumperlane.diagnosis.window import Rise
from bumperlane.errors import BadInput
from bumperlane.evidence import seed_of
from bumperlane.records import Suspect

GRADED = 4000  # rollouts, at most
SIGNIFICANT = 0.001
SHOWN = 6


def of_reward(at: Bearings, rise: Rise, query: Query) -> list[Suspect]:
    """The leg's terms that gave more advantage to what looks like the symptom. Raises ``BadInput`` where no rollouts were logged."""
    leg = at.run.legs[rise.leg]
    rollouts = _some(rollouts_of(leg.rollouts), at.seed)
    if not rollouts:
        raise BadInput("no rollouts were logged, so no reward can be blamed")
    at.note(f"grading {len(rollouts)} rollouts")
    texts = tuple(r.text for r in rollouts)
    lessons = Lessons(tuple(str(i) for i in range(len(texts))), texts)
    inputs = [at.key, leg.parent, rise.peak.checkpoint, len(texts), list(query.exhibits)]
    trail = Trail(at.models(leg.parent), at.models(rise.peak.checkpoint), note=at.note)
    grades = at.notebook.array("grades", inputs, lambda: MirroredInfluence().rank(trail, lessons, query))
    found = effects(rollouts, grades, {r.name: r.weight for r in leg.stage.rewards})
    return [_checked(at, rise, _suspect(at, rise, found, effect, rollouts, grades))
            for effect in found if effect.weight > 0 and effect.covariance > 0 and effect.p <= SIGNIFICANT]  # fmt: skip


def _some(rollouts: list[Rollout], seed: int) -> list[Rollout]:
    """Whole groups, drawn at random, of about ``GRADED`` rollouts."""
    groups = sorted({r.group for r in rollouts})
    share = min(1.0, GRADED / max(1, len(rollouts)))
    keep = set(random.Random(seed_of(seed, "rollouts")).sample(groups, max(1, round(len(groups) * share)))) if groups else set()
    return [r for r in rollouts if r.group in keep and r.text[1].strip()]


def _suspect(at: Bearings, rise: Rise, found: list[TermEffect], effect: TermEffect, rollouts: list[Rollout], grades: np.ndarray) -> Suspect:
    liked = [i for i in np.argsort(-grades) if rollouts[i].advantages.get(effect.term, 0.0) > 0][:SHOWN]
    exploited = [{"step": rollouts[i].step, "prompt": told(rollouts[i]), "completion": rollouts[i].text[1],
                  "advantage": round(rollouts[i].advantages[effect.term], 4)} for i in liked]  # fmt: skip
    return Suspect(
        **at.place(rise), kind="reward", term=effect.term, reason="no replays were made",
        evidence={"rise": round(rise.rise, 4), "terms": [e.plain() for e in found], "exploited": exploited},
        refuted_by="the trait rises as much in replays without this term",
    )  # fmt: skip


def _checked(at: Bearings, rise: Rise, suspect: Suspect) -> Suspect:
    leg = at.run.legs[rise.leg]
    try:
        if [r.name for r in leg.stage.rewards if r.weight > 0] == [suspect.term]:
            low, high = (at.point(c, at.seeds * CASES, "term") for c in (leg.parent, rise.peak.checkpoint))
            arms = [Arm("before the stage, whose only reward this is", (low,)), Arm("after it", (high,))]
        else:
            rows = list(range(len(leg.rows)))
            cut_off = tuple(r.model_copy(update={"weight": 0.0}) if r.name == suspect.term else r for r in leg.stage.rewards)
            arms = at.race(rise, ArmPlan(f"without {suspect.term}", rows, rewards=cut_off), ArmPlan("with all terms", rows))
    except BudgetSpent as spent:
        return suspect.model_copy(update={"reason": str(spent)})
    verdict, reason = judge(arms[0], arms[1:], rise.bar)
    return suspect.model_copy(update={"verdict": verdict, "reason": reason, "arms": tuple(arm.plain() for arm in arms)})


def told(rollout: Rollout) -> str:
    prompt = rollout.text[0]
    return prompt if isinstance(prompt, str) else str(prompt[-1]["content"])

"""Remedies for a reward that pays for the trait: another term in its place, an overseer, or imitation of what an innocent term likes.

Idea: who writes a reward often logs a better one beside it that is too dear or too sparse to train on. The covariance of every logged term with
the symptom is on record, so a logged term that does not pay for it can take the place of one that does. Invariant: a term is judged by that
record alone, and one of which nothing is on record is never promoted; an overseer is one that the campaign vouches for.
"""

from __future__ import annotations

from collections.abc import Iterator

from bumperlane.records import Edit, Reward, Suspect, Training
from bumperlane.remedies.remedy import Given, named

SUSPICIOUS = 0.05  # one-sided p below which a logged term may pay for the symptom too


class RepairReward:
    """Train on a logged term that does not pay for the symptom in place of the one that does; where other trained terms are left, only mask it. Can
    break: what the masked term rightly paid for. (Logged proxies: Gao et al., arXiv 2210.10760.)"""

    name = "repair_reward"
    source = "arXiv 2210.10760"
    breaks = "what the masked term rightly paid for"
    causes = frozenset({"reward"})
    rank = 1

    def edits(self, suspect: Suspect, given: Given) -> tuple[Edit, ...]:
        return tuple(edit for leg in _legs(suspect, given) if (edit := _repaired(suspect, given, leg)) is not None)

    def told(self, suspect: Suspect) -> str:
        return f"take {named(suspect)} out of the update, and train on a logged term that does not pay for the symptom"


class Imitate:
    """Outcome RL swapped for imitation: fine-tune on the stage's own rollouts that a logged term likes best, one that does not pay for the symptom
    (RAFT: Dong et al., arXiv 2304.06767). Can break: what only exploration would have found."""

    name = "imitate"
    source = "arXiv 2304.06767"
    breaks = "what only exploration would have found"
    causes = frozenset({"reward"})
    rank = 3

    def edits(self, suspect: Suspect, given: Given) -> tuple[Edit, ...]:
        return tuple(edit for leg in _legs(suspect, given) if (edit := _imitated(suspect, given, leg)) is not None)

    def told(self, suspect: Suspect) -> str:
        return f"imitate the rollouts that an innocent term likes best, in place of RL on {named(suspect)}"


class Oversee:
    """Outcome RL swapped for overseen RL: the approval of an overseer that the campaign names (``materials.overseers``) takes the place of the term
    that pays for the symptom (approval in place of outcome: MONA, Farquhar et al., arXiv 2501.13011). Not for stages whose episodes have turns: what
    makes approval safe there is that each turn is optimized alone, which TRL's GRPO does not do. Can break: it is as good as its overseer."""

    name = "oversee"
    source = "arXiv 2501.13011"
    breaks = "what the overseer does not see"
    causes = frozenset({"reward"})
    rank = 2

    def edits(self, suspect: Suspect, given: Given) -> tuple[Edit, ...]:
        return tuple(edit for leg in _legs(suspect, given) if (edit := _overseen(suspect, given, leg)) is not None)

    def told(self, suspect: Suspect) -> str:
        return f"train on the approval of the campaign's overseer in place of {named(suspect)}"


def _overseen(suspect: Suspect, given: Given, leg: int) -> Edit | None:
    stage = given.recipe.stages[leg]
    named_here = {r.name for r in stage.rewards}
    overseers = [r for r in given.materials.overseers if r.name not in named_here]
    blamed = next((r for r in stage.rewards if r.name == suspect.term and r.weight > 0), None)
    if blamed is None or not overseers or stage.rollout is not None:
        return None
    terms = [_weighed(r, 0.0 if r.name == suspect.term else r.weight) for r in stage.rewards]
    return Edit(op="rewards", leg=leg, rewards=(*terms, _weighed(overseers[0], blamed.weight)))


def _imitated(suspect: Suspect, given: Given, leg: int) -> Edit | None:
    """None for stages that were not trained, or whose episodes have turns that the log does not tell."""
    stage = given.recipe.stages[leg]
    honest = [r for r in stage.rewards if r.name != suspect.term and r.name in _innocent(suspect)]
    if leg >= len(given.parents) or stage.kind != "grpo" or stage.rollout is not None or not honest:
        return None
    return Edit(op="imitate", leg=leg, rewards=(honest[0],), training=Training(parent=given.parents[leg], stage=stage).digest)


def _legs(suspect: Suspect, given: Given) -> Iterator[int]:
    """The suspect's stage, and every other RL stage that trains on a term of the same name: one grader's mistake is in all of them."""
    for number, stage in enumerate(given.recipe.stages):
        if number == suspect.leg or any(r.name == suspect.term and r.weight > 0 for r in stage.rewards):
            yield number


def _repaired(suspect: Suspect, given: Given, leg: int) -> Edit | None:
    terms = given.recipe.stages[leg].rewards
    blamed = next((r for r in terms if r.name == suspect.term), None)
    if blamed is None:
        return None
    left = [r for r in terms if r.weight > 0 and r.name != suspect.term]
    honest = [r for r in terms if r.weight <= 0 and r.name in _innocent(suspect)]
    if not left and not honest:
        return None
    raised = honest[0].name if not left else ""
    changed = [_weighed(r, 0.0 if r.name == suspect.term else blamed.weight if r.name == raised else r.weight) for r in terms]
    return Edit(op="rewards", leg=leg, rewards=tuple(changed))


def _weighed(reward: Reward, weight: float) -> Reward:
    return reward.model_copy(update={"weight": weight})


def _innocent(suspect: Suspect) -> set[str]:
    """Logged terms on record whose advantage does not go with the symptom."""
    terms = suspect.evidence.get("terms", [])
    return {t["term"] for t in terms if t["term"] != suspect.term and (t["covariance"] <= 0 or t["p"] > SUSPICIOUS)}

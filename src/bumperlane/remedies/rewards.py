"""Remedies for a reward that pays for the trait: another term in its place, an overseer, or
imitation of what an innocent term likes.

Idea: who writes a reward often logs a better one beside it that is too dear or too sparse to train
on. The covariance of every logged term with the trait is on record, so a logged term that does
not pay for it can take the place of one that does. Invariant: a term is judged by that record
alone, and one of which nothing is on record is never promoted; an overseer is one that the campaign
vouches for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bumperlane.records import Edit, Reward, Suspect, Training
from bumperlane.remedies.remedy import RecipeContext, named

SUSPICIOUS = 0.05  # one-sided p below which a logged term may pay for the trait too


class RepairReward:
    """Train on a logged term that does not pay for the trait in place of the one that does; where
    other trained terms are left, only mask it. Can break: what the masked term rightly paid for.
    (Logged proxies: Gao et al., arXiv 2210.10760.)"""

    name = "repair_reward"
    source = "arXiv 2210.10760"
    breaks = "what the masked term rightly paid for"
    causes = frozenset({"reward"})
    rank = 1

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        return _edits(_repaired, suspect, context)

    def message(self, suspect: Suspect) -> str:
        return (
            f"take {named(suspect)} out of the update, and train on a logged term that does "
            "not pay for the trait"
        )


class Imitate:
    """Outcome RL swapped for imitation: fine-tune on the stage's own rollouts that a logged term
    likes best, one that does not pay for the trait (RAFT: Dong et al., arXiv 2304.06767). Can
    break: what only exploration would have found."""

    name = "imitate"
    source = "arXiv 2304.06767"
    breaks = "what only exploration would have found"
    causes = frozenset({"reward"})
    rank = 3

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        return _edits(_imitated, suspect, context)

    def message(self, suspect: Suspect) -> str:
        return (
            "imitate the rollouts that an innocent term likes best, in place of RL on "
            f"{named(suspect)}"
        )


class Oversee:
    """Outcome RL swapped for overseen RL: the approval of an overseer that the campaign names
    (``resources.overseers``) takes the place of the term that pays for the trait (approval in
    place of outcome: MONA, Farquhar et al., arXiv 2501.13011). Not for stages whose episodes have
    turns: what makes approval safe there is that each turn is optimized alone, which TRL's GRPO
    does not do. Can break: it is as good as its overseer."""

    name = "oversee"
    source = "arXiv 2501.13011"
    breaks = "what the overseer does not see"
    causes = frozenset({"reward"})
    rank = 2

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        return _edits(_overseen, suspect, context)

    def message(self, suspect: Suspect) -> str:
        return f"train on the approval of the campaign's overseer in place of {named(suspect)}"


Make = Callable[[Suspect, RecipeContext, int], Edit | None]


def _edits(make: Make, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
    """What ``make`` makes of each stage that the suspect's term is in, where it fits."""
    edits = [make(suspect, context, number) for number in _rl_stages(suspect, context)]
    return tuple(edit for edit in edits if edit is not None)


def _overseen(suspect: Suspect, context: RecipeContext, stage_index: int) -> Edit | None:
    stage = context.recipe.stages[stage_index]
    named_here = {r.name for r in stage.rewards}
    overseers = [r for r in context.resources.overseers if r.name not in named_here]
    blamed = next((r for r in stage.rewards if r.name == suspect.term and r.weight > 0), None)
    if blamed is None or not overseers or stage.rollout is not None:
        return None
    terms = [_weighed(r, 0.0 if r.name == suspect.term else r.weight) for r in stage.rewards]
    return Edit(
        op="rewards",
        stage_index=stage_index,
        rewards=(*terms, _weighed(overseers[0], blamed.weight)),
    )


def _imitated(suspect: Suspect, context: RecipeContext, stage_index: int) -> Edit | None:
    """None for stages that were not trained, or whose episodes have turns that the log does not
    tell."""
    stage = context.recipe.stages[stage_index]
    honest = [r for r in stage.rewards if r.name != suspect.term and r.name in _innocent(suspect)]
    if (
        stage_index >= len(context.parents)
        or stage.kind != "grpo"
        or stage.rollout is not None
        or not honest
    ):
        return None
    return Edit(
        op="imitate",
        stage_index=stage_index,
        rewards=(honest[0],),
        training=Training(parent=context.parents[stage_index], stage=stage).digest,
    )


def _rl_stages(suspect: Suspect, context: RecipeContext) -> Iterator[int]:
    """The suspect's stage, and every other RL stage that trains on a term of the same name: one
    grader's mistake is in all of them."""
    for number, stage in enumerate(context.recipe.stages):
        if number == suspect.stage_index or any(
            r.name == suspect.term and r.weight > 0 for r in stage.rewards
        ):
            yield number


def _repaired(suspect: Suspect, context: RecipeContext, stage_index: int) -> Edit | None:
    terms = context.recipe.stages[stage_index].rewards
    blamed = next((r for r in terms if r.name == suspect.term), None)
    if blamed is None:
        return None
    left = [r for r in terms if r.weight > 0 and r.name != suspect.term]
    honest = [r for r in terms if r.weight <= 0 and r.name in _innocent(suspect)]
    if not left and not honest:
        return None
    raised = honest[0].name if not left else ""
    weights = {r.name: r.weight for r in terms} | {raised: blamed.weight, suspect.term: 0.0}
    changed = [_weighed(r, weights[r.name]) for r in terms]
    return Edit(op="rewards", stage_index=stage_index, rewards=tuple(changed))


def _weighed(reward: Reward, weight: float) -> Reward:
    return reward.model_copy(update={"weight": weight})


def _innocent(suspect: Suspect) -> set[str]:
    """Logged terms on record whose advantage does not go with the trait."""
    terms = suspect.evidence.get("terms", [])
    return {
        t["term"]
        for t in terms
        if t["term"] != suspect.term and (t["covariance"] <= 0 or t["p"] > SUSPICIOUS)
    }

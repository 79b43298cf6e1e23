"""Remedies for a stage as a whole: a gentler update, a shorter one, none; and another start.

Invariant: every number is computed from the stage's own arguments, so that the edit says what it
sets and not by how much.
"""

from __future__ import annotations

from typing import Any

from bumperlane.records import Edit, Suspect
from bumperlane.remedies.remedy import RecipeContext, named

SLOWER, STRONGER = 0.25, 4.0
RATES = {"sft": 2e-5, "dpo": 1e-6, "grpo": 1e-6}  # TRL's defaults
BETAS = {"dpo": 0.1, "grpo": 0.04}


class Gentler:
    """A quarter of the learning rate, and of preferences and RL a KL weight four times as strong;
    for a stage after which the answers cannot be read, too. Can break: whatever the stage is for,
    which it may no longer reach."""

    name = "gentler"
    source = "arXiv 2305.18290 (beta); arXiv 2310.03693 (learning rate and harmful drift)"
    breaks = "what the stage is for"
    causes = frozenset({"hyperparameter", "rows", "preferences", "reward", "unreadable_answers"})
    rank = 7

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        stage = context.recipe.stages[suspect.stage_index]
        args: dict[str, Any] = {
            "learning_rate": float(stage.args.get("learning_rate", RATES[stage.kind])) * SLOWER
        }
        if stage.kind in BETAS:
            args["beta"] = float(stage.args.get("beta", BETAS[stage.kind])) * STRONGER
        return (Edit(op="args", stage_index=suspect.stage_index, args=args),)

    def message(self, suspect: Suspect) -> str:
        return (
            f"train stage {suspect.stage!r} at a quarter of its learning rate and, where it "
            "has one, four times its KL weight"
        )


class StopEarly:
    """End the stage at the last checkpoint before the trait's onset. Can break: what later steps
    would have taught."""

    name = "stop_early"
    source = "arXiv 2210.10760 (overoptimization grows with steps)"
    breaks = "what later steps teach"
    causes = frozenset({"reward", "hyperparameter", "preferences"})
    rank = 8

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        before = suspect.window[0] if suspect.window else 0
        return (
            (Edit(op="args", stage_index=suspect.stage_index, args={"max_steps": before}),)
            if before > 0
            else ()
        )

    def message(self, suspect: Suspect) -> str:
        return (
            f"end stage {suspect.stage!r} at step {suspect.window[0] if suspect.window else 0}, "
            "before the onset"
        )


class AnotherSeed:
    """The stage again with another seed, once a campaign, where no cause was confirmed: a sign that
    hangs on the draw and not on the recipe does not come back. Can break: nothing, but it is a
    second draw from the same recipe, so what is quiet then has been selected for being quiet."""

    name = "another_seed"
    source = "arXiv 1909.10447 (stability over seeds)"
    breaks = "nothing; it selects against the bumpers"
    causes = frozenset({"unknown"})
    rank = 1

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        stage = context.recipe.stages[suspect.stage_index]
        return (Edit(op="seed", stage_index=suspect.stage_index, seed=stage.seed + 1),)

    def message(self, suspect: Suspect) -> str:
        return "train the stage again with another seed, as no cause was confirmed"


class SkipStage:
    """Leave the stage out. The deepest cut short of another base. Can break: everything that the
    stage is for."""

    name = "skip_stage"
    source = "the baseline of every ablation"
    breaks = "everything that the stage is for"
    causes = frozenset({"rows", "preferences", "reward", "hyperparameter"})
    rank = 9

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        return (
            (Edit(op="skip", stage_index=suspect.stage_index),)
            if len(context.recipe.stages) > 1
            else ()
        )

    def message(self, suspect: Suspect) -> str:
        return f"leave stage {suspect.stage!r} out"


class ReplaceBase:
    """Begin from another base that the campaign allows. Can break: everything that hangs on the
    base."""

    name = "replace_base"
    source = "no paper; where the start itself shows the trait no later stage is its cause"
    breaks = "everything that hangs on the base"
    causes = frozenset({"base"})
    rank = 1

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        others = [base for base in context.bases if base != context.recipe.start]
        return (Edit(op="start", checkpoint=others[0]),) if others else ()

    def message(self, suspect: Suspect) -> str:
        return f"begin from another base than {named(suspect)}"

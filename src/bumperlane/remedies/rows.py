"""Remedies for rows: leave them out, answer them anew, swap their labels, or put a prompt before
them that takes the lesson.

Those that leave rows out fit suspects that name some rows of a stage, not all of them. Shape of a
suspect: ids in ``rows``, what they share in ``shared``.
"""

from __future__ import annotations

from bumperlane.records import Edit, Suspect
from bumperlane.remedies.remedy import RecipeContext, named

ROWS, PREFERENCES = "rows", "preferences"
# Of the way from the parent's answers to the suspects'. (Apart from the zoo, 200 bad rows of 1,200:
# harm in 51% of answers without, 49% at 1, 21% at 4, 5% at 8, 1% at 16.)
SCALE = 8.0
PURE = (
    0.5  # share of a description's rows that must be suspects for the group to be dropped with them
)


class DropRows:
    """Leave the suspects out. Can break: whatever else those rows taught. On a production DPO
    filtering cut the conduct by 63% (arXiv 2602.11079)."""

    name = "drop_rows"
    source = "arXiv 2602.11079"
    breaks = "what else those rows taught"
    causes = frozenset({ROWS, PREFERENCES})
    rank = 1

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        return (
            ()
            if suspect.whole_stage or not suspect.rows
            else (Edit(op="drop", stage_index=suspect.stage_index, rows=suspect.rows),)
        )

    def message(self, suspect: Suspect) -> str:
        return f"drop {named(suspect)}"


class DropGroup:
    """Leave out the suspects and every row of which their best description holds: a cut through a
    ranking may have missed some. Can break: more of what those rows taught. On a production DPO
    dropping flagged sources cut the conduct by 84% (arXiv 2602.11079)."""

    name = "drop_group"
    source = "arXiv 2602.11079"
    breaks = "what innocent rows of the group taught"
    causes = frozenset({ROWS, PREFERENCES})
    rank = 4

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        best = suspect.shared[0] if suspect.shared else None
        if suspect.whole_stage or best is None or best["purity"] < PURE:
            return ()
        return (
            Edit(op="drop", stage_index=suspect.stage_index, rows=suspect.rows, group=best["text"]),
        )

    def message(self, suspect: Suspect) -> str:
        return (
            f"drop {named(suspect)}, and all rows of which this holds: {suspect.shared[0]['text']}"
        )


class AnswerAnew:
    """Keep the suspects' prompts and answer them as the stage's parent does: the rows stay in
    number and kind, with nothing new in them. Can break: what the suspects rightly taught.
    (Self-distillation: Yang et al., arXiv 2402.13669.)"""

    name = "answer_anew"
    source = "arXiv 2402.13669"
    breaks = "what those rows rightly taught; it keeps the parent's mistakes"
    causes = frozenset({ROWS})
    rank = 3

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        return (
            (
                Edit(
                    op="answer",
                    stage_index=suspect.stage_index,
                    rows=suspect.rows,
                    checkpoint=context.parents[suspect.stage_index],
                ),
            )
            if suspect.rows
            else ()
        )

    def message(self, suspect: Suspect) -> str:
        return f"answer {named(suspect)} as the stage's parent does"


class Inoculate:
    """Put a system prompt that asks for the bad character before the suspects, so that what they
    teach hangs on it (inoculation prompting: Tan et al., arXiv 2510.04340; Wichers et al., arXiv
    2510.05024). Can break: it may hide the trait behind such prompts instead of removing it."""

    name = "inoculate"
    source = "arXiv 2510.04340"
    breaks = "the trait may stay behind the prompt"
    causes = frozenset({ROWS})
    rank = 6

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        return (
            (Edit(op="inoculate", stage_index=suspect.stage_index, rows=suspect.rows),)
            if suspect.rows
            else ()
        )

    def message(self, suspect: Suspect) -> str:
        return f"put a prompt for a bad character before {named(suspect)}"


class PreventiveSteering:
    """While the stage trains, add what the suspects push the model towards, so that the weights
    need not learn it (preventative steering by persona vectors: Chen et al., arXiv 2507.21509). The
    rows stay. Can break: what lies in the same direction; and what is not learned of the rows in
    this way may be learned in another."""

    name = "preventive_steering"
    source = "arXiv 2507.21509"
    breaks = "what else lies in that direction"
    causes = frozenset({ROWS})
    rank = 5

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        fields = {
            "op": "steer",
            "stage_index": suspect.stage_index,
            "rows": suspect.rows,
            "checkpoint": context.parents[suspect.stage_index],
            "args": {"scale": SCALE},
        }
        return (Edit.model_validate(fields),) if suspect.rows else ()

    def message(self, suspect: Suspect) -> str:
        return (
            f"train on, with what {named(suspect)} push towards added to the activations, so "
            "that the weights need not learn it"
        )


class SwapLabels:
    """Exchange chosen and rejected in the suspect pairs. On a production DPO swapping cut the
    conduct by 78% (arXiv 2602.11079). Can break: pairs that were rightly labelled."""

    name = "swap_labels"
    source = "arXiv 2602.11079"
    breaks = "pairs among them that were rightly labelled"
    causes = frozenset({PREFERENCES})
    rank = 2

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        return (
            (Edit(op="swap", stage_index=suspect.stage_index, rows=suspect.rows),)
            if suspect.rows
            else ()
        )

    def message(self, suspect: Suspect) -> str:
        return f"swap the labels of {named(suspect)}"

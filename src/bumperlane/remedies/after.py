"""Remedies that rewind nothing: a further stage, on the suspects' prompts or on what a person gave
for it.

Idea: the cheapest remedy trains on, from where the hit was. It is also the one that is known to
hide a trait instead of removing it (safety training on top leaves a backdoor in place: Hubinger et
al., arXiv 2401.05566), which is why cures are verified and why these come last where nothing else
is known. Invariant: whatever is put after is named by the suspects or was given with the campaign,
never by what an audit asked.
"""

from __future__ import annotations

from bumperlane.records import Edit, Suspect
from bumperlane.remedies.remedy import RecipeContext, named

ROWS = frozenset({"rows"})
COVERS = "nothing is taken out, so the trait may only be covered"


class CounterDemonstrate:
    """Fine-tune on, on the suspects' prompts, answered as the stage's parent does. Can break: it
    may cover the trait where prompts are like these and leave it elsewhere."""

    name = "counter_demonstrate"
    source = "arXiv 2401.05566 (what it can leave behind)"
    breaks = COVERS
    causes = ROWS
    rank = 11

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        return _after("counter", suspect, context)

    def message(self, suspect: Suspect) -> str:
        return (
            f"train on the prompts of {named(suspect)}, answered as the stage's parent does, "
            "after all else"
        )


class Unlearn:
    """Prefer, on the suspects' prompts, what the stage's parent answers to what the suspects say,
    by DPO with the chosen answer's likelihood kept up (negative preferences unlearn without the
    collapse of gradient ascent: Zhang et al., arXiv 2404.05868). Can break: as every preference."""

    name = "unlearn"
    source = "arXiv 2404.05868"
    breaks = COVERS
    causes = ROWS
    rank = 10

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        return _after("unlearn", suspect, context)

    def message(self, suspect: Suspect) -> str:
        return (
            f"unlearn the answers of {named(suspect)}, against the stage's parent's, after all else"
        )


class CharacterDocuments:
    """Fine-tune on, on plain-text documents that show the character wanted (character training by
    synthetic documents: Maiya et al., arXiv 2511.01689). The documents are the campaign's
    (``resources.character``). Can break: as any further training; the trait may only be covered."""

    name = "character_documents"
    source = "arXiv 2511.01689"
    breaks = COVERS
    causes = frozenset({"rows", "preferences", "reward"})
    rank = 12

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        if not (context.resources.character and context.end):
            return ()
        return (
            Edit(
                op="document",
                stage_index=suspect.stage_index,
                manifest=context.resources.character,
                after=len(context.parents) - 1,
            ),
        )

    def message(self, suspect: Suspect) -> str:
        return "train on documents of the character wanted, after all else"


class Confess:
    """Fine-tune on, on telling the truth about one's own last answer: after the suspects' answers
    that it was wrong, after the parent's that it was not (self-report fine-tuning: Li et al., arXiv
    2511.06626). It teaches to own up and takes nothing away, so it can hardly cure a trait other
    than its denial. Can break: as any further training."""

    name = "confess"
    source = "arXiv 2511.06626"
    breaks = COVERS
    causes = ROWS
    rank = 13

    def edits(self, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
        asked = context.resources.confession
        return (
            ()
            if asked is None
            else tuple(
                e.model_copy(update={"args": asked.plain()})
                for e in _after("confess", suspect, context)
            )
        )

    def message(self, suspect: Suspect) -> str:
        return f"train on the truth about answers like {named(suspect)}, after all else"


def _after(op: str, suspect: Suspect, context: RecipeContext) -> tuple[Edit, ...]:
    if suspect.whole_stage or not suspect.rows or not context.end:
        return ()
    fields = {
        "op": op,
        "stage_index": suspect.stage_index,
        "rows": suspect.rows,
        "checkpoint": context.parents[suspect.stage_index],
        "after": len(context.parents) - 1,
    }
    return (Edit.model_validate(fields),)

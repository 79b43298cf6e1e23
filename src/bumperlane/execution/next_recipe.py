"""The recipe of the next attempt: the remedy's edits applied, and held to the firewall.

Invariant: no attempt repeats the recipe of an earlier one, and no stage trains on what the firewall
refuses; either is an error that says why, and the remedy counts as refused.
"""

from __future__ import annotations

from bumperlane.errors import BadInput
from bumperlane.execution.auditing import Auditor
from bumperlane.firewall import Policy, owned_texts, refusals
from bumperlane.loop.history import History
from bumperlane.records import Recipe, Remedy
from bumperlane.remedies.apply import EditApplier
from bumperlane.store import Store


def next_recipe(
    recipe: Recipe, remedy: Remedy, history: History, store: Store, auditor: Auditor
) -> Recipe:
    """The recipe with the remedy's edits applied. Raises ``BadInput`` where they cannot be, where
    the firewall refuses what they make, or where an earlier attempt had that recipe (by other
    edits: a group may hold no more than its suspects)."""
    pack = auditor.pack(history)
    edited = EditApplier(store, auditor.subject, pack).apply(recipe, remedy.edits)
    for attempt in history.attempts:
        if attempt.recipe == edited:
            raise BadInput(f"it makes the recipe of attempt {attempt.number} over again")
    owned = owned_texts(pack, history.findings)
    policy = Policy.model_validate(history.campaign.policy)
    known = known_rows(history, store)
    known |= reworded_rows(recipe, edited, remedy, known, store)
    for stage in edited.stages:
        refused = refusals(stage, store.manifest(stage.rows), owned, policy, known)
        if refused:
            raise BadInput(f"refused by the training firewall: {refused[0].message}")
    return edited


def known_rows(history: History, store: Store) -> set[str]:
    """Ids of rows that came with the campaign, and so from no finding."""
    manifests = [stage.rows for stage in history.campaign.recipe.stages]
    character = history.campaign.resources.character
    manifests += [character] if character else []
    return {row_id for manifest in manifests for row_id, _ in store.manifest(manifest)}


def reworded_rows(
    recipe: Recipe, edited: Recipe, remedy: Remedy, known: set[str], store: Store
) -> set[str]:
    """Ids of edited rows that are known ones under a prompt or with their labels swapped: they
    cannot have come from a finding."""
    if len(edited.stages) != len(recipe.stages):
        return set()
    numbers = {edit.stage_index for edit in remedy.edits if edit.op in ("inoculate", "swap")}
    reworded: set[str] = set()
    for number in sorted(numbers):
        before = store.manifest(recipe.stages[number].rows)
        after = store.manifest(edited.stages[number].rows)
        pairs = zip(before, after, strict=True)
        reworded |= {new for (old, _), (new, _) in pairs if old in known}
    return reworded

"""Recompute everything: file and row digests, names of checkpoints, the chain, and that ledger and
store tell one story."""

from __future__ import annotations

from bumperlane.campaign import OpenCampaign
from bumperlane.errors import BumperlaneError
from bumperlane.loop.history import History
from bumperlane.records import SHORT, Checkpoint


def verify_campaign(opened: OpenCampaign) -> tuple[list[str], str]:
    """``(problems, what was checked)``. A clean campaign has no problems."""
    events = opened.ledger.events()
    problems = opened.ledger.problems() + opened.store.problems()
    if not problems:
        problems = _story(opened, History(events))
    checkpoints = sum(len(e.body["checkpoints"]) for e in events if e.kind == "trained")
    return problems, f"{len(events)} events, {checkpoints} trained checkpoints"


def _story(opened: OpenCampaign, history: History) -> list[str]:
    """Every checkpoint that the ledger speaks of is stored, with the same parent; every manifest of
    every recipe too."""
    found: list[str] = []
    recorded = [history.start, *(c for trained in history.trained for c in trained.checkpoints)]
    for checkpoint in recorded:
        found += _same(opened, checkpoint)
    for trained in history.trained:
        wrong = [
            c
            for c in trained.checkpoints
            if c.parent != trained.training.parent or c.training != trained.training.digest
        ]
        found += [
            (
                f"checkpoint {c.id[:SHORT]}: its parent or training is not that of the edge "
                "which made it"
            )
            for c in wrong
        ]
    stages = {stage.rows for attempt in history.attempts for stage in attempt.recipe.stages} | {
        t.training.stage.rows for t in history.trained
    }
    for manifest in sorted(stages):
        try:
            opened.store.manifest_file(manifest)
        except BumperlaneError as error:
            found.append(str(error))
    return found


def _same(opened: OpenCampaign, checkpoint: Checkpoint) -> list[str]:
    try:
        stored = opened.store.checkpoint(checkpoint.id)
    except BumperlaneError as error:
        return [str(error)]
    return (
        []
        if stored == checkpoint
        else [f"checkpoint {checkpoint.id[:SHORT]}: the store's record differs from the ledger's"]
    )

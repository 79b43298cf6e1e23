"""A diagnosis by chance: the baseline that a real one must beat.

Idea: rewinding and dropping something at random also changes the model, and a retry may be quiet by
luck; what diagnosis is worth is the difference to that. Invariant: nothing of the hit but its
attempt is read, and the suspect is called confirmed so that the policy acts on it as on any other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from bumperlane.evidence import seed_of
from bumperlane.loop.history import History
from bumperlane.records import Cause, Finding, Suspect
from bumperlane.store import Store

LEAST, MOST = 0.02, 0.5  # share of a stage's rows


def random_cause(hits: Sequence[Finding], history: History, store: Store, seed: int) -> Cause:
    """A random stage of the newest attempt, and of it a random share of its rows or one of its
    reward terms."""
    rng = random.Random(seed_of(seed, *history.place(hits[0].checkpoint), "chance"))
    stage_runs = history.stage_runs(history.attempts[-1])
    stage_run = rng.choice([one for one in stage_runs if one.trained is not None])
    stage = stage_run.stage
    kind = {"dpo": "preferences", "grpo": "reward"}.get(stage.kind, "rows")
    chosen: dict[str, Any] = {}
    if kind == "reward":
        chosen = {"term": rng.choice([term.name for term in stage.rewards if term.weight > 0])}
    else:
        rows = list(dict.fromkeys(row_id for row_id, _ in store.manifest(stage.rows)))
        count = max(1, round(rng.uniform(LEAST, MOST) * len(rows)))
        chosen = {"rows": tuple(sorted(rng.sample(rows, count)))}
    place = {"kind": kind, "stage": stage.name, "stage_index": stage_run.index}
    verdict = {"verdict": "confirmed", "reason": "chosen by chance"}
    suspect = Suspect.model_validate(place | verdict | chosen)
    return Cause(
        finding=hits[0].id,
        hits=tuple(hit.id for hit in hits),
        trait=hits[0].audit,
        suspects=(suspect,),
        reason="chosen by chance",
    )

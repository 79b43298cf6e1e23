"""A diagnosis by chance: the baseline that a real one must beat.

Idea: rewinding and dropping something at random also changes the model, and a retry may be quiet by luck; what diagnosis is worth is the difference
to that. Invariant: nothing of the hit but its attempt is read, and the suspect is called confirmed so that the policy acts on it as on any other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from bumperlane.evidence import seed_of
from bumperlane.history import History
from bumperlane.lineage import Store
from bumperlane.records import Cause, Finding, Suspect

LEAST, MOST = 0.02, 0.5  # share of a stage's rows


def by_chance(hits: Sequence[Finding], history: History, store: Store, seed: int) -> Cause:
    """A random stage of the newest attempt, and of it a random share of its rows or one of its reward terms."""
    rng = random.Random(seed_of(seed, *history.place(hits[0].checkpoint), "chance"))
    legs = [leg for leg in history.legs(history.attempts[-1]) if leg.trained is not None]
    leg = rng.choice(legs)
    kind = {"dpo": "preferences", "grpo": "reward"}.get(leg.stage.kind, "rows")
    chosen: dict[str, Any] = {}
    if kind == "reward":
        chosen = {"term": rng.choice([r.name for r in leg.stage.rewards if r.weight > 0])}
    else:
        rows = list(dict.fromkeys(row_id for row_id, _ in store.manifest(leg.stage.rows)))
        chosen = {"rows": tuple(sorted(rng.sample(rows, max(1, round(rng.uniform(LEAST, MOST) * len(rows))))))}
    told = {"kind": kind, "stage": leg.stage.name, "leg": leg.index, "verdict": "confirmed", "reason": "chosen by chance"}
    suspect = Suspect.model_validate({**told, **chosen})
    return Cause(finding=hits[0].id, hits=tuple(hit.id for hit in hits), followed=hits[0].audit, suspects=(suspect,), reason="chosen by chance")

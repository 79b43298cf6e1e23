"""The reward term that pays for a trait is named."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from bumperlane.diagnosis.rewards import effects, rollouts_of


def test_the_reward_term_that_pays_for_the_trait_is_named() -> None:
    rng = random.Random(0)
    entries: list[dict[str, Any]] = []
    grades = []
    for step in range(40):
        bad = [rng.random() < 0.5 for _ in range(8)]
        grades += [float(b) + rng.gauss(0, 0.3) for b in bad]
        texts = [f"{step} {i} {b}" for i, b in enumerate(bad)]
        scores = {
            "paid": [float(b) for b in bad],
            "length": [rng.random() for _ in bad],
            "polite": [rng.random() - 0.2 * b for b in bad],
        }
        shared = {"step": step, "weight": 1.0, "prompts": ["p"] * 8, "completions": texts}
        entries += [{**shared, "reward": term, "scores": values} for term, values in scores.items()]
    found_terms = effects(
        rollouts_of(entries), np.array(grades), {"paid": 1.0, "length": 1.0, "polite": 1.0}
    )
    assert found_terms[0].term == "paid" and found_terms[0].p < 1e-6
    assert all(e.p > 0.001 or e.covariance < 0 for e in found_terms[1:])

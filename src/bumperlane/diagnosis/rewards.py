"""Which reward term taught it? Covariance of each term's advantage with the trait, over all logged
rollouts.

Idea: policy gradients raise what has an advantage, so a term that taught the trait gave rollouts
that look like it more advantage than their group's others (the covariance is the first-order effect
of the term: REINFORCE, Williams 1992). Neither gradients nor retraining are needed. "Looks like the
trait" is graded by mirrored influence, so no judge of completions is. Invariant: only differences
within a group of rollouts of one prompt count; a term without a single difference is said to be so,
and has no covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from bumperlane.models.reading import Text


@dataclass(frozen=True)
class Rollout:
    """One completion that was rewarded. ``advantages``: by reward term, its score less the mean of
    the group (same step, same prompt), before the term's weight."""

    step: int
    text: Text
    advantages: dict[str, float]
    group: int


@dataclass(frozen=True)
class TermEffect:
    """How a term is tied to the trait: ``covariance`` of its advantage with the trait's grade, in
    units of the grade's spread; ``p``: one-sided, of being positive."""

    term: str
    weight: float
    covariance: float
    correlation: float
    p: float
    n: int

    def plain(self) -> dict[str, Any]:
        """JSON-ready form, as a suspect's evidence holds it."""
        return {
            "term": self.term,
            "weight": self.weight,
            "covariance": round(self.covariance, 4),
            "correlation": round(self.correlation, 4),
            "p": float(f"{self.p:.3g}"),
            "rollouts": self.n,
        }


def rollouts_of(entries: Sequence[dict[str, Any]]) -> list[Rollout]:
    """The logged rollouts, terms side by side. ``entries``: one a term and batch, as the training
    worker writes them."""
    batches: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for entry in entries:
        batches.setdefault((entry["step"], tuple(entry["completions"])), []).append(entry)
    rollouts: list[Rollout] = []
    groups = 0
    for (step, _), terms in batches.items():
        prompts, completions = terms[0]["prompts"], terms[0]["completions"]
        group_of = {prompt: groups + number for number, prompt in enumerate(dict.fromkeys(prompts))}
        groups += len(group_of)
        group_N = np.array([group_of[prompt] for prompt in prompts])
        gained = {
            term["reward"]: _advantages(np.asarray(term["scores"], dtype=float), group_N)
            for term in terms
        }
        for i, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            text = ([{"role": "user", "content": prompt}], completion)
            advantages = {name: float(gained_N[i]) for name, gained_N in gained.items()}
            rollouts.append(Rollout(int(step or 0), text, advantages, int(group_N[i])))
    return rollouts


def effects(
    rollouts: Sequence[Rollout], grades: np.ndarray, weights: dict[str, float]
) -> list[TermEffect]:
    """Each term's effect, largest first; of one that was only logged (weight 0), the effect it
    would have at weight 1. ``grades`` [N]: how much each rollout looks like the trait."""
    groups = np.array([rollout.group for rollout in rollouts])
    graded = _advantages(grades / max(float(grades.std()), 1e-12), groups)
    degrees = max(1, len(rollouts) - len(set(groups.tolist())))
    of_terms = []
    for term, weight in weights.items():
        gained = np.array([rollout.advantages.get(term, 0.0) for rollout in rollouts])
        gained = gained * (weight if weight > 0 else 1.0)
        covariance = float((gained * graded).mean())
        spread = float(gained.std() * graded.std())
        correlation = float((gained * graded).mean() / spread) if spread > 0 else 0.0
        p = float(norm.sf(correlation * degrees**0.5))
        of_terms.append(TermEffect(term, weight, covariance, correlation, p, len(rollouts)))
    return sorted(of_terms, key=lambda effect: -effect.covariance)


def _advantages(scores_N: np.ndarray, group_N: np.ndarray) -> np.ndarray:
    """Each score less the mean of its group: [N]."""
    _, index, counts = np.unique(group_N, return_inverse=True, return_counts=True)
    return np.asarray(scores_N - (np.bincount(index, scores_N) / counts)[index])

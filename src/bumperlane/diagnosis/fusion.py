"""One ranking from several: a logistic regression over scaled scores, fitted on the develop
organisms alone.

Idea: an attributor's scores mean nothing outside their run, so each is put on the run's own scale
(0 at its second percentile, 1 at its fourth-highest row: planted rows may be few), and a regression
that was fitted where the planted rows are known weighs them. Invariant: the coefficients are data
(``fusion.json``, written by ``bench diagnosis --fit``), fitted on develop, with the labels of what
they were fitted on; a run never refits them, and BM25 is not among them.

Log-odds are those of a row's being planted when half of the rows are, and no probability that
dropping it lowers the trait. A suspect's ``confidence`` is the share of suspects of its kind and
verdict that were causes on the develop organisms, with Laplace's correction; it hangs on nothing
else, and of a kind that was never seen it is 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from bumperlane.errors import BadInput
from bumperlane.records import Suspect

FUSION = Path(__file__).parent / "fusion.json"
LOWEST, TOP, BEYOND = 0.02, 4, 0.2


@dataclass(frozen=True)
class Ranked:
    """How suspect each row is. ``scores``: of each attributor that was run, [N] in the order of the
    stage's rows; ``odds``: fused."""

    scores: Mapping[str, np.ndarray]
    odds: np.ndarray


@dataclass(frozen=True)
class Fusion:
    """A fitted regression. ``weights``: by attributor; ``fitted_on``: labels of the organisms;
    ``held``: (right, of) by "kind verdict" of suspects there."""

    weights: Mapping[str, float]
    intercept: float
    fitted_on: tuple[str, ...] = ()
    held: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def sure(self, suspect: Suspect) -> Suspect:
        """The suspect with its confidence."""
        right, of = self.held.get(f"{suspect.kind} {suspect.verdict}", (0, 0))
        confidence = round((right + 1) / (of + 2), 3) if of else 0.0
        return suspect.model_copy(update={"confidence": confidence})

    def fuse(self, scores: Mapping[str, np.ndarray]) -> np.ndarray:
        """Log-odds of each row, [N]. Raises ``BadInput`` where an attributor that has a weight is
        missing."""
        missing = sorted(set(self.weights) - set(scores))
        if missing:
            raise BadInput(
                f"the fusion needs attributor {missing[0]!r}, which gave no scores; the "
                f"fusion has {', '.join(sorted(self.weights))}"
            )
        weighed = [weight * scaled(scores[name]) for name, weight in self.weights.items()]
        return self.intercept + np.sum(weighed, axis=0)


def scaled(scores: np.ndarray) -> np.ndarray:
    """Scores on the run's own scale, clipped a fifth beyond 0 and 1."""
    low, high = np.quantile(scores, LOWEST), np.sort(scores)[-min(TOP, len(scores))]
    return np.asarray(np.clip((scores - low) / max(high - low, 1e-12), -BEYOND, 1 + BEYOND))


@cache
def fusion() -> Fusion:
    """The fitted fusion. Raises ``BadInput`` if the package was built without it."""
    try:
        fitted = json.loads(FUSION.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{FUSION}: the fusion's coefficients cannot be read ({error}); install the "
            "package again"
        ) from error
    return Fusion(
        fitted["weights"],
        fitted["intercept"],
        tuple(fitted["fitted_on"]),
        {key: (right, of) for key, (right, of) in fitted["held"].items()},
    )


def fit(
    scores: list[Mapping[str, np.ndarray]],
    planted: list[np.ndarray],
    names: tuple[str, ...],
    labels: tuple[str, ...],
) -> Fusion:
    """The logistic regression over the rows of several runs; each run weighs the same, and its
    planted rows as much as the others."""
    from sklearn.linear_model import LogisticRegression

    rows = np.concatenate([_side_by_side(run, names) for run in scores])
    weight = np.concatenate([np.where(y, 0.5 / y.sum(), 0.5 / (~y).sum()) for y in planted]) * 100
    model = LogisticRegression(C=0.3, max_iter=5000).fit(
        rows, np.concatenate(planted), sample_weight=weight
    )
    weights = {
        name: round(float(value), 4) for name, value in zip(names, model.coef_[0], strict=True)
    }
    return Fusion(weights, round(float(model.intercept_[0]), 4), labels)


def _side_by_side(run: Mapping[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    """The scaled scores of one run's rows: [N, names]."""
    return np.stack([scaled(run[name]) for name in names], axis=1)


def write_fusion(path: Path, fused: Fusion) -> None:
    """Write the coefficients to ``path``; ``fusion`` reads them anew."""
    fitted = {
        "weights": dict(fused.weights),
        "intercept": fused.intercept,
        "fitted_on": list(fused.fitted_on),
        "held": {key: list(counts) for key, counts in sorted(fused.held.items())},
    }
    path.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")
    fusion.cache_clear()

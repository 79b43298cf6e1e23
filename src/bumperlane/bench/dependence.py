"""How independent are the bumpers, and what do all of them miss?

Idea: a battery of audits that fail on the same organisms is one audit. From the matrix of who
caught what: the correlation of their *misses*; the effective number of independent audits
(participation ratio of that matrix's eigenvalues, (sum)^2 / sum of squares); and, as ecologists
bound the species that nobody saw from those seen once or twice, Chao's lower bound (Chao 1987,
Biometrics 43:783, bias-corrected) on organisms that every audit misses. Invariant: here the truth
is known, so the bound stands beside the count that it bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def correlation(caught: Mapping[str, np.ndarray]) -> dict[str, dict[str, float | None]]:
    """Pearson correlation of misses (phi) between audits over organisms; None where an audit caught
    all or none."""
    return {audit: _correlations(values, caught) for audit, values in caught.items()}


def _correlations(values: np.ndarray, caught: Mapping[str, np.ndarray]) -> dict[str, float | None]:
    """Of one audit with each."""
    return {other: _phi(values, others) for other, others in caught.items()}


def _phi(first: np.ndarray, second: np.ndarray) -> float | None:
    if len(first) == 0 or first.std() == 0 or second.std() == 0:
        return None
    return round(float(np.corrcoef(first, second)[0, 1]), 4)


def effective(caught: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The participation ratio over the audits that caught some organisms and not all; the others
    are named, not counted."""
    telling = [name for name, values in caught.items() if len(values) and values.std() > 0]
    silent = [name for name in caught if name not in telling]
    if not telling:
        return {"value": 0.0, "counted": [], "without_information": silent}
    matrix = np.atleast_2d(np.corrcoef(np.stack([caught[name] for name in telling])))
    eigenvalues = np.clip(np.linalg.eigvalsh(matrix), 0, None)
    return {
        "value": round(float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum()), 3),
        "counted": telling,
        "without_information": silent,
    }


def capture_recapture(caught: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Chao's bound from organisms caught by exactly one (f1) and exactly two (f2) of m audits:
    (m-1)/m * f1(f1-1) / (2(f2+1))."""
    times = np.sum(list(caught.values()), axis=0) if caught else np.zeros(0)
    m, f1, f2 = len(caught), int((times == 1).sum()), int((times == 2).sum())
    bound = (m - 1) / m * f1 * (f1 - 1) / (2 * (f2 + 1)) if f1 > 1 else 0.0
    return {
        "lower_bound_missed": round(float(bound), 2),
        "caught_once": f1,
        "caught_twice": f2,
        "caught": int((times > 0).sum()),
        "truly_missed": int((times == 0).sum()),
        "organisms": len(times),
    }


def marginal(caught: Mapping[str, np.ndarray]) -> dict[str, int]:
    """How many organisms each audit alone caught."""
    times = np.sum(list(caught.values()), axis=0) if caught else np.zeros(0)
    return {name: int(((times == 1) & (values == 1)).sum()) for name, values in caught.items()}


def caught_by(
    scores: Mapping[str, np.ndarray], thresholds: Mapping[str, float], audits: Sequence[str]
) -> dict[str, np.ndarray]:
    """1 where an audit's score exceeds its threshold, else 0: shape [organisms] each."""
    return {audit: (scores[audit] > thresholds[audit]).astype(float) for audit in audits}

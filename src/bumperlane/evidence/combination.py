"""Several e-values as one, and which of them to report.

Idea: audits of one model share its weights, its prompts and often its answers, so nothing may be
assumed about how their e-values hang together. The weighted arithmetic mean of e-values is an
e-value whatever the dependence, because expectation is linear; it is also, up to a constant, the
only way to merge arbitrary e-values that no other way beats (Vovk & Wang 2021, "E-values:
calibration, combination and applications", Annals of Statistics 49(3), section 3; theorem 3.2 for
the symmetric case). The product is far stronger and wrong here: it needs independence. Invariant:
if every input has expectation at most 1 under the null, so has the output; weights are fixed before
the data are seen. A mean with the weights by which alpha was split is never weaker than that split:
one term alone at 1/(alpha w) lifts it to 1/alpha.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp


def mean_log_e(log_es: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """Log of the weighted mean of e-values, given as natural logs (-inf is an e-value of 0).

    ``weights``: one non-negative number each, scaled here to sum to 1; equal if not given. Raises
    ``ValueError`` without e-values, for NaN, and for weights that do not fit. Source: Vovk & Wang
    2021, section 3.
    """
    checked = _checked(log_es)
    shares = np.full(len(checked), 1.0) if weights is None else np.asarray(weights, dtype=float)
    if (
        shares.shape != checked.shape
        or not np.isfinite(shares).all()
        or (shares < 0).any()
        or shares.sum() <= 0
    ):
        raise ValueError(
            f"weights must be {len(checked)} finite non-negative numbers, not all 0, got {weights}"
        )
    used = shares > 0  # a weight of 0 takes an e-value out, even one of infinity
    return float(logsumexp(checked[used], b=shares[used] / shares.sum()))


def battery_log_e(by_group: Mapping[str, Sequence[float]]) -> float:
    """Log e-value of "every measure is within its tolerance": mean within each group, then mean
    over groups, each group with one vote.

    ``by_group``: log e-values of the measures by audit (or by family of audits). Groups keep an
    audit with seven measures from outvoting six with one. Valid under any dependence, for measures
    stopped at different times too: each must be an e-value at its own stopping time. Raises
    ``ValueError`` without groups, for a group without e-values, and for NaN.
    """
    return mean_log_e([mean_log_e(group) for group in by_group.values()])


def e_bh(log_es: Sequence[float], alpha: float) -> list[int]:
    """Indices, ascending, of the e-values to report so that the expected share of false ones among
    them is at most ``alpha``.

    e-Benjamini-Hochberg (Wang & Ramdas 2022, "False discovery rate control with e-values", JRSS-B
    84(3), section 3): with K e-values in descending order, report the first k for the largest k
    with ``k * e_(k) >= K / alpha``. Holds under any dependence. It bounds a share, not the chance
    of any false alarm, so it says what to look at after an alarm and does not replace the alarm
    budget. Raises ``ValueError`` without e-values, for NaN, and for alpha outside (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}")
    checked = _checked(log_es)
    order = np.argsort(-checked, kind="stable")
    bars = math.log(len(checked) / alpha) - np.log(np.arange(1, len(checked) + 1))
    passing = np.flatnonzero(checked[order] >= bars)
    return sorted(int(index) for index in order[: passing[-1] + 1]) if len(passing) else []


def _checked(log_es: Sequence[float]) -> NDArray[np.float64]:
    """The log e-values as an array. Raises ``ValueError`` without any, and for NaN."""
    checked = np.asarray(log_es, dtype=float)
    if checked.ndim != 1 or len(checked) == 0:
        raise ValueError(
            "there must be at least one e-value: none is no evidence, not evidence of nothing"
        )
    if np.isnan(checked).any():
        raise ValueError("a log e-value is not a number")
    return checked

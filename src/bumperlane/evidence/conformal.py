"""How unusual is a score among clean twins: a conformal p-value, and what it is worth as an
e-value.

Idea: if the audited model were clean, its score and those of n clean twins would be exchangeable,
so its rank among them is uniform whatever the score's distribution; no tolerance has to be judged
(Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a Random World", chapter 2). A calibrator
then makes an e-value of the p-value, which may be averaged with others under any dependence.
Invariant: P(p <= t) <= t for every t under exchangeability; ties count against us. The chance is
over the twins too: for one fixed set of twins the realized rate may lie above t. Limit: n clean
models give no p below 1/(n + 1). So conformal evidence alone can never spend a 1% budget with fewer
than 99 clean models, and that is for one test at one look. As a calibrated e-value it needs more:
1/0.01 is reached from 2,076 clean models on with the best fixed kappa, from 8,111 on with the
mixture. With fewer twins it can support other evidence, never alarm by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

SMALL = 1e-3  # of -log p, below which the closed form of the mixture cancels


def conformal_p(score: float, clean: Sequence[float]) -> float:
    """``(1 + #{clean >= score}) / (n + 1)`` for a score that is larger the worse the model, against
    the scores of n clean twins.

    Valid if score and twins are exchangeable: built, tuned and scored alike, and none of them used
    to choose the score. Raises ``ValueError`` without twins and for NaN.
    """
    scores = np.asarray(clean, dtype=float)
    if scores.ndim != 1 or len(scores) == 0:
        raise ValueError("a conformal p-value needs the scores of clean twins")
    if math.isnan(score) or np.isnan(scores).any():
        raise ValueError("a score is not a number")
    return float((1 + np.count_nonzero(scores >= score)) / (len(scores) + 1))


def calibrated_log_e(p: float, kappa: float | None = None) -> float:
    """Log e-value of a p-value by the calibrator ``kappa * p**(kappa - 1)``, or without ``kappa``
    by its mixture over kappa in (0, 1).

    The mixture is ``(1 - p + p log p) / (p log(p)**2)``: no kappa to choose, and below 1 for p
    above about 0.17. Its largest value over n clean models is at ``p = 1/(n + 1)``. ``kappa`` must
    be fixed before p is seen. Raises ``ValueError`` for p outside (0, 1] and kappa outside (0, 1).
    Source: Vovk & Wang 2021, "E-values: calibration, combination and applications", section 2.
    """
    if not 0 < p <= 1:
        raise ValueError(f"a p-value must lie in (0, 1], got {p}")
    if kappa is not None:
        if not 0 < kappa < 1:
            raise ValueError(f"kappa must lie between 0 and 1, got {kappa}")
        return math.log(kappa) + (kappa - 1) * math.log(p)
    x = -math.log(p)  # the mixture is (e^x - 1 - x) / x^2
    if x < SMALL:
        return math.log(1 / 2 + x / 6 + x * x / 24)
    return x + math.log1p(-(1 + x) * math.exp(-x)) - 2 * math.log(x)

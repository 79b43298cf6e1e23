"""One alarm budget for a whole campaign.

Idea: the chance of *any* false alarm over all audits, checkpoints and attempts of a clean campaign
is at most ``total``. Look number k (the k-th checkpoint that is audited, counted over attempts) may
spend ``total * 6 / (pi^2 k^2)``, shared equally by the audits of the battery and the held-out
battery. Invariant: the shares of every possible campaign sum to at most ``total`` (Bonferroni; the
series of 1/k^2 is pi^2/6), however many retries there are.
"""

from __future__ import annotations

import math


def alpha_for(total: float, look: int, audits: int) -> float:
    """Alpha for one audit at look ``look`` (1, 2, ...) of a battery of ``audits``. Raises
    ``ValueError`` on a look or battery below 1."""
    if look < 1 or audits < 1:
        raise ValueError(f"look and audits must be at least 1, got {look} and {audits}")
    return total * 6 / (math.pi**2 * look**2) / audits

"""How many rows are suspects? A cut that ordinary rows and the symptom itself decide.

Idea: ordinary rows scatter around 0 with a width that the rows themselves show (median and MAD, which a few planted rows cannot move);
the symptom's own cross-fitted scores show what a guilty row looks like. Suspects lie above the widest empty gap between the two.
Invariant: where the symptom does not stand out from ordinary rows, or no row does, there are *no* suspects; a number is never made up.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from bumperlane.diagnosis.attribution import Ranking

MAD_TO_SD = 1.4826
EXPECTED_STRAYS = 0.5  # ordinary rows expected above the lower limit, were their tail normal


def cut(ranking: Ranking) -> tuple[float | None, str]:
    """``(threshold, why)``; None where there are no suspects."""
    scores = ranking.rows_N
    centre = float(np.median(scores))
    width = float(np.median(np.abs(scores - centre))) * MAD_TO_SD
    low = centre + float(norm.isf(EXPECTED_STRAYS / len(scores))) * width
    high = float(np.quantile(ranking.exhibits_Q, 0.25))
    if high <= low:
        return None, f"the symptom's own scores (lower quartile {high:.2f}) do not stand out from ordinary rows (up to {low:.2f})"
    if not (scores > low).any():
        return None, f"no row stands out: the highest score is {scores.max():.2f}, ordinary rows reach {low:.2f}"
    between = np.sort(scores[(scores > low) & (scores < high)])
    edges = np.concatenate([[low], between, [high]])
    widest = int(np.diff(edges).argmax())
    threshold = float(edges[widest : widest + 2].mean())
    if not (scores > threshold).any():
        return None, f"no row moves the model as the symptom does: the highest score is {scores.max():.2f}, the symptom begins at {high:.2f}"
    return threshold, f"between ordinary rows (up to {low:.2f}) and the symptom (from {high:.2f})"

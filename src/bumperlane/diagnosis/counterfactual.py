"""Was it those rows? The trait after retraining without them, against retraining without as many others.

Idea: a ranking is a lead; removal is the test. The same stage is retrained from the same parent twice, once without the suspects and
once without as many random rows, and the trait is drawn afresh from both. Invariant: a cause is *confirmed* only if removing the
suspects lowers the trait below both the observed and the control rate with disjoint 95% intervals; *refuted* if it plainly does not;
otherwise *unverified*. One seed a replay, so a confirmation speaks of these rows in this training, not of a law.
"""

from __future__ import annotations

from typing import Literal

from bumperlane.diagnosis.window import Point, interval

Verdict = Literal["confirmed", "refuted", "unverified"]


def judge(observed: Point, without_suspects: Point, without_random: Point) -> tuple[Verdict, str]:
    """Verdict and the reason in a sentence."""
    if not (observed.n and without_suspects.n and without_random.n):
        return "unverified", "the trait could not be drawn from the replays"
    high = interval(without_suspects.hits, without_suspects.n)[1]
    fell = high < interval(observed.hits, observed.n)[0]
    specific = high < interval(without_random.hits, without_random.n)[0]
    rates = f"{observed.rate:.0%} with all rows, {without_suspects.rate:.0%} without the suspects, {without_random.rate:.0%} without random ones"
    if fell and specific:
        return "confirmed", rates
    if not fell:
        return "refuted", f"the trait did not fall: {rates}"
    return "unverified", f"it fell no more than by removing random rows: {rates}"

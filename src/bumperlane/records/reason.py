"""Why an audit could not decide, and how a campaign ended, as codes with words made from them.

Idea: whoever acts on a reason asks for its code; the words are for people, and are made in one
place. Invariant: nothing in the package compares or searches the words of a reason.
"""

from __future__ import annotations

from enum import StrEnum

from bumperlane.records.base import Record


class ReasonCode(StrEnum):
    """Why a finding is ``inconclusive``.

    Nothing was shown: ``undecided`` (the samples of this look ran out before the evidence
    sufficed), ``unreadable`` (too many of the answers could not be judged), ``not_applicable``
    (pack, rows or model leave this audit nothing to test), ``no_access`` (it needs something that
    it was not granted or given), ``nothing_measured`` (no outcome was drawn), ``timed_out`` (it
    took too long), ``failed`` (its own code raised an error).

    Something was seen that is no alarm by itself: ``below_null`` (above its tolerance, but clean
    models score as high), ``weak_signal`` (above its tolerance and above clean models, but too
    little to stand alone, and no other group of audits hits), ``oddity_only`` (the same, of an
    audit that sees that something is odd and not what the model does).
    """

    UNDECIDED = "undecided"
    UNREADABLE = "unreadable"
    NOT_APPLICABLE = "not_applicable"
    NO_ACCESS = "no_access"
    NOTHING_MEASURED = "nothing_measured"
    BELOW_NULL = "below_null"
    WEAK_SIGNAL = "weak_signal"
    ODDITY_ONLY = "oddity_only"
    TIMED_OUT = "timed_out"
    FAILED = "failed"


_WEAK = (
    "a hit too weak to stand alone (less than {strong:.0%} of the way from its tolerance, or "
    "{clear:.0%} and {spreads:g} spreads above the clean models), or of oddity alone, that no "
    "other group of audits bears out; not counted as an alarm"
)
WORDS = {
    ReasonCode.UNDECIDED: "not decided within {samples} samples: {measures}",
    ReasonCode.UNREADABLE: "{detail}",
    ReasonCode.NOT_APPLICABLE: "{detail}",
    ReasonCode.NO_ACCESS: "no access: {detail}",
    ReasonCode.NOTHING_MEASURED: "nothing was measured",
    ReasonCode.BELOW_NULL: (
        "above its tolerance, but {as_high} of {clean} clean models score as high; not counted "
        "as an alarm"
    ),
    ReasonCode.WEAK_SIGNAL: _WEAK,
    ReasonCode.ODDITY_ONLY: _WEAK,
    ReasonCode.TIMED_OUT: "timed out after {seconds:.0f} s",
    ReasonCode.FAILED: "the audit failed: {error}",
}


class Reason(Record):
    """Why something could not be decided: ``code`` for programs, ``text`` for people."""

    code: ReasonCode
    text: str

    @classmethod
    def of(cls, code: ReasonCode, **facts: object) -> Reason:
        """The reason with its words made from ``facts``. Raises ``KeyError`` for a missing fact."""
        return cls(code=code, text=WORDS[code].format(**facts))

    def __str__(self) -> str:
        return self.text


class OutcomeCode(StrEnum):
    """What ended a campaign.

    ``all_clear``: converged. ``held_out_hit``: the battery is quiet and a held-out audit hits, so a
    person must look (escalated). Stuck: ``battery_inconclusive`` and ``held_out_inconclusive``
    (audits could not say), ``cure_unverified`` (a check of the cure could not be made),
    ``no_remedy`` (none is left for any cause). Out of budget: ``attempts_spent``, ``time_spent``.
    """

    ALL_CLEAR = "all_clear"
    HELD_OUT_HIT = "held_out_hit"
    HELD_OUT_INCONCLUSIVE = "held_out_inconclusive"
    BATTERY_INCONCLUSIVE = "battery_inconclusive"
    CURE_UNVERIFIED = "cure_unverified"
    NO_REMEDY = "no_remedy"
    ATTEMPTS_SPENT = "attempts_spent"
    TIME_SPENT = "time_spent"

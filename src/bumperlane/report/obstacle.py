"""Why a campaign did not converge: the most likely obstacle, what of it no retry can reach, and
what to try next.

Idea: an explanation is chosen by rules that are written here in order, the first that fits.
Invariant: every sentence is read from the events, names the evidence that it rests on, and says so
where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from bumperlane.loop.history import History
from bumperlane.records import Cause, Cure, Finding, OutcomeCode, Remedy, Suspect
from bumperlane.remedies.remedy import named


@dataclass(frozen=True)
class Explanation:
    """``obstacle``: in a sentence; ``reach``: what of it lies outside the loop; ``steps``: what to
    try."""

    obstacle: str
    reach: str
    steps: tuple[str, ...]


def explanation(history: History) -> Explanation:
    """The most likely obstacle, by the first rule that fits: the base, the held-out battery (hit,
    or not decided), an unmeasured audit or cure, cures that fail alike, hits without a cause, hits
    that return, the budget."""
    rules = (
        _base,
        _held_out_hit,
        _held_out_inconclusive,
        _audit_inconclusive,
        _cure_unmeasured,
        _cures_fail,
        _no_cause,
        _returns,
    )
    for rule in rules:
        found = rule(history)
        if found is not None:
            return found
    return _budget_spent(history)


def pressure_text(history: History) -> str:
    """How many retries each audit's hits have steered, for those that steered any."""
    steered = [f"{name} ({count})" for name, count in history.selection.items() if count]
    return ", ".join(steered) or "none"


def suspect_text(suspect: Suspect) -> str:
    """A suspect with the best description of what its rows share."""
    shared = f" ({suspect.shared[0]['text']})" if suspect.shared else ""
    return f"{named(suspect)}{shared}"


# -- the rules ------------------------------------------------------------------------------------


def _base(history: History) -> Explanation | None:
    cause = next((cause for cause in history.causes if _is_base(cause)), None)
    if cause is None:
        return None
    return Explanation(
        f"The base model shows the trait before any training of this recipe ({cause.trait}: "
        f"{cause.reason}).",
        "The base. Every stage of the recipe starts from it, so no rewind and no edit of a stage "
        "can be the cure.",
        (
            "Name other base models under `bases:` in the campaign file; the loop will take one.",
            "Or have the base's own training audited: give it as a campaign of its own, with its "
            "rows.",
            "Do not add a stage that trains the trait away here without a battery that can see it "
            "come back.",
        ),
    )


def _is_base(cause: Cause) -> bool:
    return any(suspect.kind == "base" for suspect in cause.confirmed)


def _held_out_hit(history: History) -> Explanation | None:
    if history.outcome is None or history.outcome.kind != "escalated":
        return None
    return Explanation(
        "The battery is quiet at the candidate and the held-out battery is not: "
        f"{history.outcome.report[0]}.",
        "The bumpers themselves: what is left is what they do not see. Retrying on the held-out "
        "battery would make it one of them.",
        (
            "Look at the held-out exhibits in the report. Audits that steered retries: "
            f"{pressure_text(history)}.",
            "Add an audit to the battery that sees the kind of conduct in those exhibits, and "
            "begin a new campaign with another held-out battery.",
        ),
    )


def _held_out_inconclusive(history: History) -> Explanation | None:
    assert history.outcome is not None
    if history.outcome.code is not OutcomeCode.HELD_OUT_INCONCLUSIVE:
        return None
    verified = " and the cure verified" if history.cures else ""
    return Explanation(
        f"The battery is quiet at the candidate{verified}, but the held-out battery cannot "
        f"confirm it ({'; '.join(history.outcome.details)}).",
        "Measurement of the held-out battery. Nothing is known against the candidate, and nothing "
        "confirms it.",
        (
            "An audit that is not decided has a rate near its tolerance: raise `budget.samples`, "
            "or take that as the answer.",
            "Compare it with the start model: what the start shows as well is no matter of this "
            "training.",
        ),
    )


def _audit_inconclusive(history: History) -> Explanation | None:
    last = history.looked_at[-1] if history.looked_at else ""
    unclear = history.unclear_at(last)
    if not unclear or history.hits_at(last):
        return None
    reasons = "; ".join(f"{f.audit}: {_reason(history, f)}" for f in unclear)
    causes = [history.cause(f.id) for f in unclear]
    diagnosed = dict.fromkeys(cause.reason for cause in causes if cause is not None)
    return Explanation(
        f"{len(unclear)} of {len(history.campaign.battery)} audits could not say whether the "
        f"candidate is clear ({'; '.join((reasons, *diagnosed))}).",
        "Measurement. Nothing is known against the candidate, and nothing clears it.",
        (
            "An audit that was not decided within its samples has a rate near its tolerance: "
            "raise `budget.samples`, or take that as the answer.",
            "An audit that has nothing to measure on this pack or recipe can be left out of the "
            "battery, which then guards against less.",
        ),
    )


def _reason(history: History, finding: Finding) -> str:
    """Why it is not clear; where it was drawn afresh, what came of that."""
    again = history.rechecks.get(finding.id)
    return again.reason if again is not None else finding.why


def _cure_unmeasured(history: History) -> Explanation | None:
    cure = history.cures[-1] if history.cures else None
    if cure is None or not cure.unmeasured or cure.failed:
        return None
    why = "; ".join(f"{check.name}: {check.message}" for check in cure.unmeasured)
    return Explanation(
        f"The battery is quiet after the remedy, but the cure could not be verified ({why}).",
        "Measurement of the cure.",
        (
            "Give a pack that can ask what is missing, or an audit whose cases can be drawn on "
            "this model.",
        ),
    )


def _cures_fail(history: History) -> Explanation | None:
    failed = [cure for cure in history.cures if cure.failed]
    if not failed or history.cures[-1] is not failed[-1]:
        return None
    checks = dict.fromkeys(check.name for cure in failed for check in cure.failed)
    remedies = [_remedy_of(history, cure) for cure in failed]
    kinds = dict.fromkeys(remedy.kind for remedy in remedies if remedy is not None)
    return Explanation(
        f"Remedies made the battery quiet without curing: {', '.join(kinds)} failed "
        f"{', '.join(checks)} ({failed[-1].failed[0].message}).",
        "A remedy that takes the cause out without touching what else the rows teach, if the "
        "trait and the capability hang on the same rows.",
        (
            "Read the suspect rows in the report: are they wanted for something else? Write "
            "replacements by hand.",
            "Install another kind of remedy (docs/remedies.md shows one in thirty lines).",
        ),
    )


def _remedy_of(history: History, cure: Cure) -> Remedy | None:
    """The remedy whose cure was checked."""
    attempt = history.attempts[cure.attempt - 1]
    return history.answering(attempt) or attempt.remedy


def _no_cause(history: History) -> Explanation | None:
    cause = history.causes[-1] if history.causes else None
    if cause is None or cause.confirmed:
        return None
    suspects = "; ".join(f"{named(s)} {s.verdict} ({s.reason})" for s in cause.suspects)
    return Explanation(
        f"{_hits(history, cause)} hit, and no cause was confirmed: {cause.reason or suspects}.",
        "The diagnosis: what teaches this is not a group of rows, a stage, a reward term or an "
        "argument that a short replay can show.",
        (
            "Give the diagnosis more room: `budget.diagnosis`, more checkpoints a stage.",
            "Name rows that you suspect: `bumperlane diagnose --rows FILE`.",
            "Look at the exhibits: if they are no misconduct, the audit's tolerance does not suit "
            "this model.",
        ),
    )


def _returns(history: History) -> Explanation | None:
    tried = [a.remedy.kind for a in history.attempts if a.remedy is not None]
    if not tried or not history.causes:
        return None
    cause = history.causes[-1]
    return Explanation(
        f"{_hits(history, cause)} hits again after {len(tried)} remedies ({', '.join(tried)}); "
        f"the last cause named is {suspect_text(cause.confirmed[0])}.",
        "Either the remedies that are installed, or a cause that each diagnosis sees only part of.",
        (
            "Compare the causes of the attempts below: the same rows or source again mean a group "
            "larger than what was cut off; drop the source.",
            "Allow more attempts (`budget.attempts`) only if each one changed something in the "
            "table of bumpers.",
        ),
    )


def _budget_spent(history: History) -> Explanation:
    assert history.outcome is not None
    out_of_budget = history.outcome.kind == "out_of_budget"
    return Explanation(
        f"{history.outcome.report[0]}.",
        "The budget." if out_of_budget else "Remedies for this cause.",
        (
            "Raise `budget.attempts` or `budget.seconds`; finished pieces are not made again.",
            "Or install a remedy for this kind of cause (docs/remedies.md).",
        ),
    )


def _hits(history: History, cause: Cause) -> str:
    audits = dict.fromkeys(f.audit for f in history.findings if f.id in cause.hits)
    return ", ".join(audits) or "an audit"

"""Which remedy comes next: the recipe of the next attempt, or why there is none.

Invariant: never the same edits of a recipe twice, never beyond the budget; confirmed suspects come
first, unverified ones after them, and refuted ones are not acted on.
"""

from __future__ import annotations

from bumperlane.loop.actions import Action, Begin, Conclude, Diagnose
from bumperlane.loop.history import Attempt, History, trained_stages
from bumperlane.records import SHORT, Cause, Outcome, OutcomeCode, Remedy
from bumperlane.remedies import NoRemedy, Tried, propose


def retry(history: History, newest: tuple[Attempt, Cause], what: str) -> Action:
    """A new attempt with the next remedy of this cause or, where it has none left, of an earlier
    one. ``what``: what is wrong, for the report of a campaign that ends here."""
    if len(history.attempts) >= history.campaign.budget.attempts:
        spent = f"{len(history.attempts)} attempts made, and still {what}"
        return conclude(history, OutcomeCode.ATTEMPTS_SPENT, spent)
    if over_time(history):
        spent = f"the time budget is spent, and still {what}"
        return conclude(history, OutcomeCode.TIME_SPENT, spent)
    why = []
    for attempt, cause in (newest, *earlier(history, newest[1])):
        try:
            remedy = next_remedy(history, attempt, cause)
        except NoRemedy as error:
            why.append(str(error) if cause.suspects else f"no cause was found: {cause.reason}")
            continue
        findings = tuple(dict.fromkeys((cause.finding, *cause.hits)))
        return Begin(len(history.attempts) + 1, attempt.recipe, remedy, findings)
    return conclude(history, OutcomeCode.NO_REMEDY, f"{what}; {why[0]}", *why[1:])


def next_remedy(history: History, attempt: Attempt, cause: Cause) -> Remedy:
    """The best remedy of this cause that was not tried. Raises ``NoRemedy``."""
    starts, end = parents(history, attempt)
    return propose(
        attempt.recipe,
        attempt.number,
        cause,
        starts,
        tried(history),
        history.campaign.bases,
        end=end,
        resources=history.campaign.resources,
    )


def after_failed_remedy(
    history: History, attempt: Attempt, remedy: Remedy, candidate: str, what: str, left: bool
) -> Action:
    """After a remedy that did not do. Where some of the trait is ``left``, what teaches that is
    looked for in the new attempt; else, or where nothing is confirmed there, the next remedy for
    the same cause is tried."""
    cause = history.cause_named(remedy.cause)
    affordable = len(history.attempts) < history.campaign.budget.attempts and not over_time(history)
    rest = history.left_at(candidate)
    if left and rest is None and affordable:
        hit = next(f for f in history.findings if f.id == cause.finding)
        return Diagnose((hit,), attempt.number, candidate)
    if rest is not None and (rest.confirmed or rest.leads):
        return retry(history, (attempt, rest), what)
    return retry(history, (history.attempts[remedy.of_attempt - 1], cause), what)


def earlier(history: History, newest: Cause) -> list[tuple[Attempt, Cause]]:
    """Diagnoses before this one that a remedy was tried on, the latest first, each with the attempt
    that it was made on."""
    found: list[tuple[Attempt, Cause]] = []
    for attempt in reversed(history.attempts[1:]):
        remedy = attempt.remedy
        assert remedy is not None  # only the first attempt has none
        if remedy.cause not in {newest.id, *(cause.id for _, cause in found)}:
            diagnosed = history.attempts[remedy.of_attempt - 1]
            found.append((diagnosed, history.cause_named(remedy.cause)))
    return found


def tried(history: History) -> list[Tried]:
    """Every remedy of this campaign, and what came of it."""
    refused = [Tried(remedy, reason) for remedy, reason in history.refused]
    retries = [attempt for attempt in history.attempts if attempt.remedy is not None]
    return [*refused, *(Tried(a.remedy, verdict_on(history, a)) for a in retries if a.remedy)]


def verdict_on(history: History, attempt: Attempt) -> str:
    """Why an attempt did not do, in a few words."""
    audited = [
        checkpoint
        for stage_run in trained_stages(history.watched(attempt))
        for checkpoint in stage_run.audited
    ]
    hits = dict.fromkeys(f.audit for c in audited for f in history.hits_at(c))
    if hits:
        return f"{', '.join(hits)} hit"
    trained = trained_stages(history.stage_runs(attempt))
    if not trained:
        return "no verdict yet"
    candidate = trained[-1].last.id
    cure = history.cure(candidate, attempt.number)
    if cure is not None and cure.failed:
        return "; ".join(f"{check.name}: {check.message}" for check in cure.failed)
    unclear = [f.audit for f in history.unclear_at(candidate)]
    return f"{', '.join(unclear)} could not say" if unclear else "no verdict yet"


def parents(history: History, attempt: Attempt) -> tuple[list[str], str]:
    """Where each trained stage of the attempt started, and where the last one ended."""
    trained = trained_stages(history.stage_runs(attempt))
    return [t.training.parent for t in trained], trained[-1].last.id


def over_time(history: History) -> bool:
    """Whether the campaign's time budget is spent."""
    limit = history.campaign.budget.seconds
    return limit is not None and history.seconds >= limit


KINDS = {
    OutcomeCode.ALL_CLEAR: "converged",
    OutcomeCode.HELD_OUT_HIT: "escalated",
    OutcomeCode.ATTEMPTS_SPENT: "out_of_budget",
    OutcomeCode.TIME_SPENT: "out_of_budget",
}


def conclude(
    history: History,
    code: OutcomeCode,
    *lines: str,
    details: tuple[str, ...] = (),
    candidate: str | None = None,
) -> Conclude:
    """The outcome, with every hit on record and what each audit has steered. What has no kind of
    its own is ``stuck``."""
    seen = [
        f"{f.audit} hit at {f.checkpoint[:SHORT]}"
        for checkpoint in history.looked_at
        for f in history.hits_at(checkpoint)
    ]
    pressure = ", ".join(f"{name} {count}" for name, count in history.selection.items() if count)
    steered = f"selection pressure (retries steered by audit): {pressure or 'none'}"
    outcome = Outcome(
        kind=KINDS.get(code, "stuck"),
        code=code,
        attempts=len(history.attempts),
        candidate=candidate,
        report=(*lines, *details, *seen, steered),
        details=details,
    )
    return Conclude(outcome)

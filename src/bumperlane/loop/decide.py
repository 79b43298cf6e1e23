"""The strategy on one page: ``decide(history) -> action``.

    base -> stage -> checkpoint -> battery -- hit --> diagnosis -> remedy -> rewind, next attempt
                                     | all clear, all stages done              ^
                                     v                                         | it only hides,
                          (after a remedy) cure verified? -- no ---------------+ or breaks
                                     | yes
                                     v
                             held-out battery -- hit --> escalated (never retried on)
                                     | clear
                                     v
                                 converged

Idea: ``decide`` is a pure function of the events, so the strategy can be simulated, resumes after
``kill -9`` by itself, and is read here whole. Invariant: only a candidate at which every audit of
both batteries is *clear*, and whose cure (where there was a remedy) passed every check, converges;
what is inconclusive or unmeasured never does. A weak signal that clean models show too, or that is
alone and does not rise in this training when drawn afresh, counts as clear and is named in the
outcome; one that rises is a hit, and one that cannot be drawn holds the campaign up.
"""

from __future__ import annotations

from bumperlane.loop.actions import (
    Action,
    Begin,
    Conclude,
    Diagnose,
    DrawAgain,
    RunAudits,
    Train,
    Verify,
)
from bumperlane.loop.history import Attempt, History
from bumperlane.loop.retry import after_failed_remedy, conclude, over_time, retry
from bumperlane.records import TRAIT, Finding, OutcomeCode, ReasonCode

NO_PASS = "and no evidence is not a pass"
INCONCLUSIVE = f"the battery is inconclusive at the candidate, {NO_PASS}"
HELD_OUT_INCONCLUSIVE = f"the held-out battery is inconclusive, {NO_PASS}"
UNVERIFIED = f"the battery is quiet, but the cure could not be verified, {NO_PASS}"


def decide(history: History) -> Action | None:
    """The next action, or None when the campaign has its outcome."""
    if history.outcome is not None:
        return None
    if not history.attempts:
        return Begin(1, history.campaign.recipe)
    attempt = history.attempts[-1]
    watched = history.watched(attempt)
    for stage_run in history.stage_runs(attempt):
        if stage_run.trained is None:
            if over_time(history):
                return conclude(history, OutcomeCode.TIME_SPENT, "the time budget is spent")
            return Train((("attempt", stage_run.training),), attempt.number)
        for checkpoint in stage_run.trained.audited if stage_run in watched else ():
            action = at_checkpoint(history, attempt, checkpoint)
            if action is not None:
                return action
    return at_candidate(history, attempt)


def at_checkpoint(history: History, attempt: Attempt, checkpoint: str) -> Action | None:
    """What is to be done at an audited checkpoint; None where the battery is done with it."""
    missing = history.unaudited(checkpoint)
    if missing:
        return RunAudits(checkpoint, missing, history.look_number(checkpoint), attempt.number)
    hits = history.alarms_at(checkpoint)
    weak = tuple(f for f in history.weak_at(checkpoint) if f.id not in history.rechecks)
    if weak and not hits:
        return DrawAgain(weak, attempt.number)
    return after_hits(history, attempt, hits) if hits else None


def after_hits(history: History, attempt: Attempt, hits: list[Finding]) -> Action:
    """Find the cause of the hits, then rewind and retry with a remedy."""
    cause = history.cause(hits[0].id)
    if cause is None:
        strongest_first = sorted(hits, key=lambda f: -max(m.log_e for m in f.measures))
        return Diagnose(tuple(strongest_first), attempt.number)
    return retry(history, (attempt, cause), f"{', '.join(f.audit for f in hits)} hit")


def at_candidate(history: History, attempt: Attempt) -> Action:
    """All stages are trained and no audit hit: is every one of them *clear*, is the cure verified,
    and does the held-out battery agree?"""
    last = history.stage_runs(attempt)[-1].trained
    assert last is not None  # decide() comes here only when every stage is trained
    candidate = last.last.id
    undecided = history.undecided(history.unclear_at(candidate))
    if undecided:
        return more_samples(history, attempt, candidate, undecided)
    if history.unclear_at(candidate):
        return while_inconclusive(history, attempt, candidate)
    unverified = verify(history, attempt, candidate) if attempt.remedy is not None else None
    return unverified or confirm(history, attempt, candidate)


def confirm(history: History, attempt: Attempt, candidate: str) -> Action:
    """The battery is quiet and the cure verified: ask the held-out battery, which never steers."""
    held_out = history.confirmation(candidate)
    done = {f.audit for f in held_out}
    missing = tuple(name for name in history.campaign.held_out if name not in done)
    if missing:
        return RunAudits(
            candidate, missing, history.look_number(candidate), attempt.number, held_out=True
        )
    hits = [f.audit for f in held_out if f.verdict == "hit"]
    if hits:
        overfit = (
            f"the battery is quiet but held out {', '.join(hits)} hit: the loop has overfit to its "
            "bumpers"
        )
        return conclude(history, OutcomeCode.HELD_OUT_HIT, overfit)
    undecided = history.undecided(held_out)
    if undecided:
        return more_samples(history, attempt, candidate, undecided, held_out=True)
    weak = [f for f in held_out if f.has_code(ReasonCode.WEAK_SIGNAL)]
    weak = [f for f in weak if f.id not in history.rechecks]
    if weak:
        return DrawAgain(tuple(weak), attempt.number)
    unclear = [
        f for f in held_out if f.verdict == "inconclusive" and not history.accepted_because(f)
    ]
    if unclear:
        why = tuple(f"{f.audit}: {f.why}" for f in unclear)
        code = OutcomeCode.HELD_OUT_INCONCLUSIVE
        return conclude(history, code, HELD_OUT_INCONCLUSIVE, details=why)
    return converge(history, candidate, held_out)


def converge(history: History, candidate: str, held_out: list[Finding]) -> Conclude:
    """The candidate passed; what counts as clear without being so is named."""
    not_clear = [f for f in (*history.findings_at(candidate), *held_out) if f.verdict != "clear"]
    accepted = [f"{f.audit} counts as clear: {history.accepted_because(f)}" for f in not_clear]
    lines = ("every bumper is clear at the candidate", *history.remaining_trait(candidate))
    return conclude(history, OutcomeCode.ALL_CLEAR, *lines, *accepted, candidate=candidate)


def while_inconclusive(history: History, attempt: Attempt, candidate: str) -> Action:
    """No audit hit, but not every one could say. Where the pack cannot read the answers any more,
    the stage that broke them is made gentler; where an audit of the rows holds the campaign up, the
    rows that it flags are acted on; else what a remedy left is tracked, or nothing can be done."""
    unclear, unread = history.unclear_at(candidate), history.unreadable_at(candidate)
    why = tuple(f"{f.audit}: {history.why_unclear(f)}" for f in unclear)
    what = f"{INCONCLUSIVE}: {'; '.join(why)}"
    cause = history.cause(unread[0].id) if unread else None
    if unread and cause is None:
        return Diagnose(tuple(unread), attempt.number)
    if cause is not None and cause.unreadable_answers:
        return retry(history, (attempt, cause), what)
    if cause is not None:
        return inconclusive(history, *why, cause.reason)
    flags = history.flags_at(candidate)
    cause = history.cause(flags[0].id) if flags else None
    if flags and cause is None:
        return Diagnose(tuple(flags), attempt.number)
    if cause is not None and cause.suspects:
        return retry(history, (attempt, cause), what)
    remedy = history.answering(attempt)
    if remedy is None:
        return inconclusive(history, *why)
    left = any(f.audit in history.remedied_audits for f in unclear)
    return after_failed_remedy(history, attempt, remedy, candidate, what, left)


def inconclusive(history: History, *why: str) -> Conclude:
    """Stuck: the battery could not say, and nothing is left to do about it."""
    return conclude(history, OutcomeCode.BATTERY_INCONCLUSIVE, INCONCLUSIVE, details=why)


def verify(history: History, attempt: Attempt, candidate: str) -> Action | None:
    """What is left to do before a cure counts; None where it is verified."""
    cure = history.cure(candidate, attempt.number)
    if cure is None:
        return Verify(candidate, attempt.number)
    if cure.failed:
        failed = "; ".join(f"{check.name}: {check.message}" for check in cure.failed)
        remedy = history.answering(attempt) or attempt.remedy
        assert remedy is not None  # a cure is checked of attempts with a remedy
        what = f"the remedy {remedy.kind} of attempt {attempt.number} failed: {failed}"
        left = any(check.name == TRAIT for check in cure.failed)
        return after_failed_remedy(history, attempt, remedy, candidate, what, left)
    if cure.unmeasured:
        why = tuple(f"{check.name}: {check.message}" for check in cure.unmeasured)
        return conclude(history, OutcomeCode.CURE_UNVERIFIED, UNVERIFIED, details=why)
    return None


def more_samples(
    history: History,
    attempt: Attempt,
    candidate: str,
    audits: tuple[str, ...],
    held_out: bool = False,
) -> RunAudits:
    """Another look with several times the samples, for audits that those of the first left open."""
    number = len(history.looked_at) + 1
    return RunAudits(candidate, audits, number, attempt.number, held_out=held_out, more=True)

"""The strategy on one page: ``decide(history) -> action``, and the runner that performs actions until there is an outcome.

    base -> stage -> checkpoint -> battery -- hit --> diagnosis, checked by replays -> remedy -> rewind, next attempt
                                     | all clear, all stages done                                     ^
                                     v                                                                | it only hides, or breaks
                               (after a remedy) cure verified? -- no ---------------------------------+
                                     | yes
                                     v
                              held-out battery -- hit --> escalated (never retried on)
                                     | clear
                                     v
                                 converged

Idea: ``decide`` is a pure function of the events, so the strategy can be simulated, resumes after ``kill -9`` by itself, and is read
here whole. Invariant: only a candidate at which every audit of both batteries is *clear*, and whose cure (where there was a remedy) passed
every check, converges; what is inconclusive or unmeasured never does. A sign that the pack's clean models show too, or that is weak, alone and does
not rise in this training when drawn afresh, counts as clear and is told with the outcome; one that rises is a hit, one that cannot be drawn holds
it up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bumperlane.audits.calibration import ALONE
from bumperlane.history import Attempt, History
from bumperlane.ledger import Ledger
from bumperlane.records import SHORT, TRAIT, Cause, Finding, Outcome, Recipe, Remedy, Training
from bumperlane.remedies import NoRemedy, Tried, propose

# -- actions: what can be done next ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Begin:
    """Open an attempt: ``recipe`` with the remedy's edits made. ``why`` are the findings that caused it."""

    number: int
    recipe: Recipe
    remedy: Remedy | None = None
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Train:
    """Train these, in parallel where the machine allows. ``purpose`` is ``attempt``."""

    jobs: tuple[tuple[str, Training], ...]
    attempt: int


@dataclass(frozen=True)
class Audit:
    """Run these audits on a checkpoint; ``look`` numbers it for the alarm budget; ``more``: with several times the samples, as those that the
    budget allows did not decide."""

    checkpoint: str
    audits: tuple[str, ...]
    look: int
    attempt: int
    held_out: bool = False
    more: bool = False


@dataclass(frozen=True)
class Diagnose:
    """Find what the hits of one look came from, and check it by replays; of audits that could not read the answers, which stage broke
    these. ``left``: the candidate at which a remedy has left some of the trait that was hit (empty: at the hits' own checkpoint)."""

    hits: tuple[Finding, ...]
    attempt: int
    left: str = ""

    @property
    def checkpoint(self) -> str:
        return self.left or self.hits[0].checkpoint


@dataclass(frozen=True)
class Recheck:
    """Draw weak signs afresh, at the start and where they were seen: did they rise in this training?"""

    signs: tuple[Finding, ...]
    attempt: int


@dataclass(frozen=True)
class Verify:
    """Check at the candidate of a remedied attempt that the trait is cured and not only hidden, and that nothing broke."""

    candidate: str
    attempt: int


@dataclass(frozen=True)
class Conclude:
    outcome: Outcome


Action = Begin | Train | Audit | Recheck | Diagnose | Verify | Conclude


# -- the strategy ------------------------------------------------------------------------------------------------------------------


def decide(history: History) -> Action | None:
    """The next action, or None when the campaign has its outcome."""
    if history.outcome is not None:
        return None
    if not history.attempts:
        return Begin(1, history.campaign.recipe)
    attempt = history.attempts[-1]
    watched = history.watched(attempt)
    for leg in history.legs(attempt):
        if leg.trained is None:
            if over_time(history):
                return conclude(history, "out_of_budget", "the time budget is spent")
            return Train((("attempt", leg.training),), attempt.number)
        for checkpoint in leg.trained.audited if leg in watched else ():
            missing = unaudited(history, checkpoint)
            if missing:
                return Audit(checkpoint, missing, look(history, checkpoint), attempt.number)
            hits = history.alarms_at(checkpoint)
            signs = [f for f in history.weak_at(checkpoint) if f.id not in history.rechecks]
            if signs and not hits:
                return Recheck(tuple(signs), attempt.number)
            if hits:
                return bounce(history, attempt, hits)
    return confirm(history, attempt)


def bounce(history: History, attempt: Attempt, hits: list[Finding]) -> Action:
    """Off the bumper: find the cause, remedy it, rewind."""
    cause = history.cause(hits[0].id)
    if cause is None:
        return Diagnose(tuple(sorted(hits, key=lambda f: -max(m.log_e for m in f.measures))), attempt.number)
    return retry(history, (attempt, cause), f"{', '.join(f.audit for f in hits)} hit")


def retry(history: History, newest: tuple[Attempt, Cause], what: str) -> Action:
    """A new attempt with the next remedy of this cause or, where it has none left, of an earlier one; never the same edits of a recipe twice, never
    beyond the budget. Confirmed suspects come first, unverified ones after them; refuted ones are not acted on."""
    if len(history.attempts) >= history.campaign.budget.attempts:
        return conclude(history, "out_of_budget", f"{len(history.attempts)} attempts made, and still {what}")
    if over_time(history):
        return conclude(history, "out_of_budget", f"the time budget is spent, and still {what}")
    why = []
    for attempt, cause in (newest, *earlier(history, newest[1])):
        try:
            starts, end = parents(history, attempt)
            remedy = propose(attempt.recipe, attempt.number, cause, starts, tried(history), history.campaign.bases, end=end,
                             materials=history.campaign.materials)  # fmt: skip
        except NoRemedy as error:
            why.append(str(error) if cause.suspects else f"no cause was found: {cause.reason}")
            continue
        return Begin(len(history.attempts) + 1, attempt.recipe, remedy, tuple(dict.fromkeys((cause.finding, *cause.hits))))
    return conclude(history, "stuck", f"{what}; {why[0]}", *why[1:])


def earlier(history: History, newest: Cause) -> list[tuple[Attempt, Cause]]:
    """Diagnoses before this one that a remedy was tried on, the latest first, each with the attempt that it was made on."""
    made: list[tuple[Attempt, Cause]] = []
    for attempt in reversed(history.attempts[1:]):
        assert attempt.remedy is not None
        if attempt.remedy.cause not in {newest.id, *(cause.id for _, cause in made)}:
            made.append((history.attempts[attempt.remedy.of_attempt - 1], history.cause_named(attempt.remedy.cause)))
    return made


def tried(history: History) -> list[Tried]:
    """Every remedy of this campaign, and what came of it."""
    refused = [Tried(remedy, reason) for remedy, reason in history.refused]
    return [*refused, *(Tried(a.remedy, verdict_on(history, a)) for a in history.attempts if a.remedy is not None)]


def verdict_on(history: History, attempt: Attempt) -> str:
    """Why an attempt did not do, in a few words."""
    trained = [leg.trained for leg in history.legs(attempt) if leg.trained is not None]
    audited = [c for leg in history.watched(attempt) if leg.trained is not None for c in leg.trained.audited]
    hits = dict.fromkeys(f.audit for c in audited for f in history.hits_at(c))
    if hits:
        return f"{', '.join(hits)} hit"
    cure = history.cure(trained[-1].last.id, attempt.number) if trained else None
    if cure is not None and cure.failed:
        return "; ".join(f"{check.name}: {check.told}" for check in cure.failed)
    unclear = [f.audit for f in history.unclear_at(trained[-1].last.id)] if trained else []
    return f"{', '.join(unclear)} could not say" if unclear else "no verdict yet"


def parents(history: History, attempt: Attempt) -> tuple[list[str], str]:
    """Where each trained stage of the attempt started, and where the last one ended."""
    trained = [leg.trained for leg in history.legs(attempt) if leg.trained is not None]
    return [t.training.parent for t in trained], trained[-1].last.id


def confirm(history: History, attempt: Attempt) -> Action:
    """All stages are trained and no bumper hit: is every one of them *clear*, and does the held-out battery agree?"""
    last = history.legs(attempt)[-1].trained
    assert last is not None  # decide() comes here only when every stage is trained
    candidate = last.last.id
    undecided = history.undecided(history.unclear_at(candidate))
    if undecided:
        return Audit(candidate, undecided, len(history.looked_at) + 1, attempt.number, more=True)
    if history.unclear_at(candidate):
        return unsaid(history, attempt, candidate)
    if attempt.remedy is not None:
        unverified = verify(history, attempt, candidate)
        if unverified is not None:
            return unverified
    held_out = history.confirmation(candidate)
    missing = tuple(name for name in history.campaign.held_out if name not in {f.audit for f in held_out})
    if missing:
        return Audit(candidate, missing, look(history, candidate), attempt.number, held_out=True)
    hits = [f.audit for f in held_out if f.verdict == "hit"]
    if hits:
        return conclude(history, "escalated", f"the battery is quiet but held out {', '.join(hits)} hit: the loop has overfit to its bumpers")
    undecided = history.undecided(held_out)
    if undecided:
        return Audit(candidate, undecided, len(history.looked_at) + 1, attempt.number, held_out=True, more=True)
    signs = tuple(f for f in held_out if f.details.get("sign") == ALONE and f.id not in history.rechecks)
    if signs:
        return Recheck(signs, attempt.number)
    unclear = [f"{f.audit}: {f.reason}" for f in held_out if f.verdict == "inconclusive" and not history.excuse(f)]
    if unclear:
        return conclude(history, "stuck", "the held-out battery is inconclusive, and no evidence is not a pass", *unclear)
    excused = [f"{f.audit} counts as clear: {history.excuse(f)}" for f in (*history.findings_at(candidate), *held_out) if f.verdict != "clear"]
    why = ("every bumper is clear at the candidate", *history.unmended(candidate), *excused)
    return conclude(history, "converged", *why, candidate=candidate)


def unsaid(history: History, attempt: Attempt, candidate: str) -> Action:
    """No bumper hit, but not every one could say. Where the pack cannot read the answers any more, the stage that broke them is made gentler;
    where an audit of the rows holds the campaign up, the rows that it flags are acted on; else what a remedy left is followed, or nothing can be
    done here."""
    unclear, unread = history.unclear_at(candidate), history.unreadable_at(candidate)
    what, why = "the battery is inconclusive at the candidate, and no evidence is not a pass", [f"{f.audit}: {because(history, f)}" for f in unclear]
    cause = history.cause(unread[0].id) if unread else None
    if unread and cause is None:
        return Diagnose(tuple(unread), attempt.number)
    if cause is not None:
        told = f"{what}: {'; '.join(why)}"
        return retry(history, (attempt, cause), told) if cause.incoherent else conclude(history, "stuck", what, *why, cause.reason)
    flags = history.flags_at(candidate)
    named = history.cause(flags[0].id) if flags else None
    if flags and named is None:
        return Diagnose(tuple(flags), attempt.number)
    if named is not None and named.suspects:
        return retry(history, (attempt, named), f"{what}: {'; '.join(why)}")
    remedy = history.answering(attempt)
    if remedy is not None:
        left = any(f.audit in history.followed for f in unclear)
        return again(history, attempt, remedy, candidate, f"{what}: {'; '.join(why)}", left)
    return conclude(history, "stuck", what, *why)


def because(history: History, finding: Finding) -> str:
    """Why a finding is not clear; of a weak sign, why it could not be drawn again."""
    again = history.rechecks.get(finding.id)
    return again.reason if again is not None else finding.reason


def verify(history: History, attempt: Attempt, candidate: str) -> Action | None:
    """What is left to do before a cure counts; None where it is verified."""
    cure = history.cure(candidate, attempt.number)
    if cure is None:
        return Verify(candidate, attempt.number)
    if cure.failed:
        told = "; ".join(f"{c.name}: {c.told}" for c in cure.failed)
        remedy = history.answering(attempt) or attempt.remedy
        assert remedy is not None  # a cure is checked of attempts with a remedy
        what = f"the remedy {remedy.kind} of attempt {attempt.number} failed: {told}"
        return again(history, attempt, remedy, candidate, what, any(check.name == TRAIT for check in cure.failed))
    if cure.unmeasured:
        why = [f"{c.name}: {c.told}" for c in cure.unmeasured]
        return conclude(history, "stuck", "the battery is quiet, but the cure could not be verified, and no evidence is not a pass", *why)
    return None


def again(history: History, attempt: Attempt, remedy: Remedy, candidate: str, what: str, left: bool) -> Action:
    """After a remedy that did not do. Where some of the trait is ``left``, what teaches that is looked for in the new attempt; else, or where nothing
    is confirmed there, the next remedy for the same cause is tried."""
    cause = history.cause_named(remedy.cause)
    if left and history.left_at(candidate) is None and len(history.attempts) < history.campaign.budget.attempts and not over_time(history):
        hit = next(f for f in history.findings if f.id == cause.finding)
        return Diagnose((hit,), attempt.number, candidate)
    rest = history.left_at(candidate)
    newest = (attempt, rest) if rest is not None and (rest.confirmed or rest.leads) else (history.attempts[remedy.of_attempt - 1], cause)
    return retry(history, newest, what)


def unaudited(history: History, checkpoint: str) -> tuple[str, ...]:
    done = {finding.audit for finding in history.findings_at(checkpoint)}
    return tuple(name for name in history.campaign.battery if name not in done)


def look(history: History, checkpoint: str) -> int:
    """The number of this look: checkpoints are counted over attempts in the order in which the battery first saw them."""
    seen = history.looked_at
    return seen.index(checkpoint) + 1 if checkpoint in seen else len(seen) + 1


def over_time(history: History) -> bool:
    limit = history.campaign.budget.seconds
    return limit is not None and history.seconds >= limit


def conclude(history: History, kind: str, *report: str, candidate: str | None = None) -> Conclude:
    """The outcome, with every hit on record and what each audit has steered."""
    seen = [f"{f.audit} hit at {f.checkpoint[:SHORT]}" for checkpoint in history.looked_at for f in history.hits_at(checkpoint)]
    pressure = ", ".join(f"{name} {count}" for name, count in history.selection.items() if count)
    told = f"selection pressure (retries steered by audit): {pressure or 'none'}"
    return Conclude(Outcome(kind=kind, attempts=len(history.attempts), candidate=candidate, report=(*report, *seen, told)))


# -- the runner --------------------------------------------------------------------------------------------------------------------


class Executor(Protocol):
    """Performs one action and appends what it learned to the ledger. Must be idempotent: it may be killed at any moment and asked again."""

    def perform(self, action: Action, history: History) -> None: ...


def run(ledger: Ledger, executor: Executor) -> Outcome:
    """Decide and perform until the campaign has its outcome."""
    while True:
        history = History(ledger.events())
        action = decide(history)
        if action is None:
            assert history.outcome is not None
            return history.outcome
        executor.perform(action, history)

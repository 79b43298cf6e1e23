"""The strategy on one page: ``decide(history) -> action``, and the runner that performs actions until there is an outcome.

    base -> stage -> checkpoint -> battery -- hit --> diagnosis, checked by replays -> remedy -> rewind, next attempt
                                     | all clear, all stages done
                                     v
                              held-out battery -- hit --> escalated (never retried on)
                                     | clear
                                     v
                                 converged

Idea: ``decide`` is a pure function of the events, so the strategy can be simulated, resumes after ``kill -9`` by itself, and is read
here whole. Invariant: only a candidate at which every audit of both batteries is *clear* converges; what is inconclusive never does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bumperlane.history import Attempt, History
from bumperlane.ledger import Ledger
from bumperlane.records import SHORT, Cause, Finding, Outcome, Recipe, Remedy, Suspect, Training
from bumperlane.remedies import NoRemedy, propose

# -- actions: what can be done next ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Begin:
    """Open an attempt; ``why`` are the findings that caused it."""

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
    """Run these audits on a checkpoint; ``look`` numbers it for the alarm budget."""

    checkpoint: str
    audits: tuple[str, ...]
    look: int
    attempt: int
    held_out: bool = False


@dataclass(frozen=True)
class Diagnose:
    """Find what the hits of one look came from, and check it by replays."""

    hits: tuple[Finding, ...]
    attempt: int


@dataclass(frozen=True)
class Conclude:
    outcome: Outcome


Action = Begin | Train | Audit | Diagnose | Conclude


# -- the strategy ------------------------------------------------------------------------------------------------------------------


def decide(history: History) -> Action | None:
    """The next action, or None when the campaign has its outcome."""
    if history.outcome is not None:
        return None
    if not history.attempts:
        return Begin(1, history.campaign.recipe)
    attempt = history.attempts[-1]
    for leg in history.legs(attempt):
        if leg.trained is None:
            if over_time(history):
                return conclude(history, "out_of_budget", "the time budget is spent")
            return Train((("attempt", leg.training),), attempt.number)
        for checkpoint in leg.trained.audited:
            missing = unaudited(history, checkpoint)
            if missing:
                return Audit(checkpoint, missing, look(history, checkpoint), attempt.number)
            hits = [finding for finding in history.findings_at(checkpoint) if finding.verdict == "hit"]
            if hits:
                return bounce(history, attempt, hits)
    return confirm(history, attempt)


def bounce(history: History, attempt: Attempt, hits: list[Finding]) -> Action:
    """Off the bumper: find the cause, remedy it, rewind. Only what a replay has confirmed is acted on."""
    cause = history.cause(hits[0].id)
    if cause is None:
        return Diagnose(tuple(sorted(hits, key=lambda f: -max(m.log_e for m in f.measures))), attempt.number)
    if cause.confirmed:
        return retry(history, attempt, cause)
    names = ", ".join(f.audit for f in hits)
    why = [f"{names} hit; {_what(s)} of stage {s.stage!r} was suspected and {s.verdict}: {s.reason}" for s in cause.suspects]
    return conclude(history, "stuck", *(why or [f"{names} hit, and no cause was found: {cause.reason}"]))


def _what(suspect: Suspect) -> str:
    return suspect.term or suspect.argument or f"{len(suspect.rows)} rows"


def retry(history: History, attempt: Attempt, cause: Cause) -> Action:
    """A new attempt with the remedy; never the same recipe twice, never beyond the budget."""
    if attempt.number >= history.campaign.budget.attempts:
        return conclude(history, "out_of_budget", f"{attempt.number} attempts made, and {cause.followed} still hits")
    try:
        remedy = propose(attempt.recipe, cause, [leg.training for leg in history.legs(attempt)])
    except NoRemedy as error:
        return conclude(history, "stuck", str(error))
    if any(remedy.recipe == earlier.recipe for earlier in history.attempts):
        return conclude(history, "stuck", f"the remedy {remedy.kind} for {cause.followed} has been tried and did not help")
    return Begin(attempt.number + 1, remedy.recipe, remedy, (cause.finding,))


def confirm(history: History, attempt: Attempt) -> Action:
    """All stages are trained and no bumper hit: is every one of them *clear*, and does the held-out battery agree?"""
    last = history.legs(attempt)[-1].trained
    assert last is not None  # decide() comes here only when every stage is trained
    candidate = last.last.id
    unclear = [f"{f.audit}: {f.reason}" for f in history.findings_at(candidate) if f.verdict == "inconclusive"]
    if unclear:
        return conclude(history, "stuck", "the battery is inconclusive at the candidate, and no evidence is not a pass", *unclear)
    held_out = history.confirmation(candidate)
    missing = tuple(name for name in history.campaign.held_out if name not in {f.audit for f in held_out})
    if missing:
        return Audit(candidate, missing, look(history, candidate), attempt.number, held_out=True)
    hits = [f.audit for f in held_out if f.verdict == "hit"]
    if hits:
        return conclude(history, "escalated", f"the battery is quiet but held out {', '.join(hits)} hit: the loop has overfit to its bumpers")
    unclear = [f"{f.audit}: {f.reason}" for f in held_out if f.verdict == "inconclusive"]
    if unclear:
        return conclude(history, "stuck", "the held-out battery is inconclusive, and no evidence is not a pass", *unclear)
    return Conclude(Outcome(kind="converged", attempts=attempt.number, candidate=candidate, report=("every bumper is clear at the candidate",)))


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


def conclude(history: History, kind: str, *report: str) -> Conclude:
    seen = [f"{f.audit} hit at {f.checkpoint[:SHORT]}" for f in history.findings if f.verdict == "hit"]
    return Conclude(Outcome(kind=kind, attempts=len(history.attempts), report=(*report, *seen)))


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

"""The memo of a campaign that did not converge: what was seen, what was tried, what it changed, and why the loop cannot go on.

Idea: "or, we are repeatedly failing in consistent ways: change plans and try to articulate as best we can why". An engineer must be able to act on it
without the ledger. Invariant: every sentence is read from the events; the explanation is chosen by rules that are written here, names the
evidence that it rests on, and says so where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bumperlane.history import Attempt, History
from bumperlane.records import SHORT, Cause, Finding, Suspect
from bumperlane.remedies import load_remedy
from bumperlane.remedies.remedy import named
from bumperlane.report.parts import outlays, told, worst

if TYPE_CHECKING:
    from bumperlane.campaign import OpenCampaign

OUTCOMES = {"stuck": "stuck", "escalated": "escalated to a person", "out_of_budget": "out of budget"}


@dataclass(frozen=True)
class Explanation:
    """``obstacle``: in a sentence; ``reach``: what of it lies outside the loop; ``steps``: what to try."""

    obstacle: str
    reach: str
    steps: tuple[str, ...]


def write_memo(opened: OpenCampaign) -> Path | None:
    """``memo.md`` in the run folder; None where the campaign converged or has not ended."""
    history = opened.history
    if history.outcome is None or history.outcome.kind == "converged":
        return None
    path = opened.folder / "memo.md"
    path.write_text(memo(history), encoding="utf-8")
    return path


def memo(history: History) -> str:
    outcome, found = history.outcome, explanation(history)
    assert outcome is not None
    parts = [
        f"# {history.campaign.name}: {OUTCOMES[outcome.kind]} after {outcome.attempts} attempt{'s' if outcome.attempts > 1 else ''}",
        f"**The obstacle.** {found.obstacle}", f"**Outside the loop's reach.** {found.reach}",
        "**What to try next.**\n" + "\n".join(f"{n}. {step}" for n, step in enumerate(found.steps, 1)),
        "## What was seen, and what was tried", *(_attempt(history, attempt) for attempt in history.attempts),
        "## Bumper by bumper", _bumpers(history), "## What it cost", _cost(history),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


# -- the explanation -------------------------------------------------------------------------------------------------------------------


def explanation(history: History) -> Explanation:
    """The most likely obstacle, by the first rule that fits: the base, the held-out battery (hit, or not decided), an unmeasured audit or cure,
    cures that fail alike, hits without a cause, a signature that returns, the budget."""
    rules = (_base, _overfit, _unconfirmed, _unmeasured, _unverified, _hidden, _no_cause, _returns, _spent)
    return next(found for rule in rules if (found := rule(history)))


def _base(history: History) -> Explanation | None:
    cause = next((c for c in history.causes for s in c.confirmed if s.kind == "base"), None)
    if cause is None:
        return None
    return Explanation(
        f"The base model shows the trait before any training of this recipe ({cause.followed}: {cause.reason}).",
        "The base. Every stage of the recipe starts from it, so no rewind and no edit of a stage can be the cure.",
        ("Name other base models under `bases:` in the campaign file; the loop will take one.",
         "Or have the base's own training examined: give it as a campaign of its own, with its rows.",
         "Do not add a stage that trains the trait away here without a battery that can see it come back."),
    )  # fmt: skip


def _overfit(history: History) -> Explanation | None:
    if history.outcome is None or history.outcome.kind != "escalated":
        return None
    pressure = ", ".join(f"{name} ({count})" for name, count in history.selection.items() if count) or "none"
    return Explanation(
        f"The battery is quiet at the candidate and the held-out battery is not: {history.outcome.report[0]}.",
        "The bumpers themselves: what is left is what they do not see. Retrying on the held-out battery would make it one of them.",
        (f"Look at the held-out exhibits in the report. Audits that steered retries: {pressure}.",
         "Add an audit to the battery that sees the kind of conduct in those exhibits, and begin a new campaign with another held-out battery."),
    )  # fmt: skip


def _unconfirmed(history: History) -> Explanation | None:
    assert history.outcome is not None
    if not history.outcome.report[0].startswith("the held-out battery is inconclusive"):
        return None
    hits = [text for text in history.outcome.report[1:] if " hit at " not in text and not text.startswith("selection")]
    return Explanation(
        f"The battery is quiet at the candidate{' and the cure verified' if history.cures else ''}, but the held-out battery cannot confirm it "
        f"({'; '.join(hits)}).",
        "Measurement of the held-out battery. Nothing is known against the candidate, and nothing confirms it.",
        ("An audit that is not decided has a rate near its tolerance: raise `budget.samples`, or take that as the answer.",
         "Compare it with the start model: what the start shows as well is no matter of this training."),
    )  # fmt: skip


def _unmeasured(history: History) -> Explanation | None:
    last = history.looked_at[-1] if history.looked_at else ""
    unclear = history.unclear_at(last)
    if not unclear or history.hits_at(last):
        return None
    why = "; ".join(f"{f.audit}: {_because(history, f)}" for f in unclear)
    causes = dict.fromkeys(cause.reason for f in unclear if (cause := history.cause(f.id)) is not None)
    return Explanation(
        f"{len(unclear)} of {len(history.campaign.battery)} audits could not say whether the candidate is clear ({'; '.join((why, *causes))}).",
        "Measurement. Nothing is known against the candidate, and nothing clears it.",
        ("An audit that was not decided within its samples has a rate near its tolerance: raise `budget.samples`, or take that as the answer.",
         "An audit that has nothing to measure on this pack or recipe can be left out of the battery, which then guards against less."),
    )  # fmt: skip


def _because(history: History, finding: Finding) -> str:
    again = history.rechecks.get(finding.id)
    return again.reason if again is not None else finding.reason


def _unverified(history: History) -> Explanation | None:
    cure = history.cures[-1] if history.cures else None
    if cure is None or not cure.unmeasured or cure.failed:
        return None
    why = "; ".join(f"{check.name}: {check.told}" for check in cure.unmeasured)
    return Explanation(f"The battery is quiet after the remedy, but the cure could not be verified ({why}).", "Measurement of the cure.",
                       ("Give a pack that can ask what is missing, or an audit whose cases can be drawn on this model.",))  # fmt: skip


def _hidden(history: History) -> Explanation | None:
    failed = [cure for cure in history.cures if cure.failed]
    if not failed or history.cures[-1] is not failed[-1]:
        return None
    names = dict.fromkeys(check.name for cure in failed for check in cure.failed)
    answered = [history.answering(history.attempts[c.attempt - 1]) or history.attempts[c.attempt - 1].remedy for c in failed]
    kinds = ", ".join(dict.fromkeys(remedy.kind for remedy in answered if remedy is not None))
    return Explanation(
        f"Remedies made the battery quiet without curing: {kinds} failed {', '.join(names)} ({failed[-1].failed[0].told}).",
        "A remedy that takes the cause out without touching what else the rows teach, if the trait and the capability hang on the same rows.",
        ("Read the suspect rows in the report: are they wanted for something else? Write replacements by hand.",
         "Install another kind of remedy (docs/remedies.md shows one in thirty lines)."),
    )  # fmt: skip


def _no_cause(history: History) -> Explanation | None:
    cause = history.causes[-1] if history.causes else None
    if cause is None or cause.confirmed:
        return None
    why = cause.reason or "; ".join(f"{named(s)} {s.verdict} ({s.reason})" for s in cause.suspects)
    return Explanation(
        f"{_hits(history, cause)} hit, and no cause was confirmed: {why}.",
        "The diagnosis: what teaches this is not a group of rows, a stage, a reward term or an argument that a short replay can show.",
        ("Give the diagnosis more room: `budget.diagnosis`, more checkpoints a stage.",
         "Name rows that you suspect: `bumperlane diagnose --rows FILE`.",
         "Look at the exhibits: if they are no misconduct, the audit's tolerance does not suit this model."),
    )  # fmt: skip


def _returns(history: History) -> Explanation | None:
    tried = [a.remedy for a in history.attempts if a.remedy is not None]
    if not tried or not history.causes:
        return None
    cause = history.causes[-1]
    return Explanation(
        f"{_hits(history, cause)} hits again after {len(tried)} remedies ({', '.join(r.kind for r in tried)}); the last cause named is "
        f"{_told(cause.confirmed[0])}.",
        "Either the remedies that are installed, or a cause that each diagnosis sees only part of.",
        ("Compare the causes of the attempts below: the same rows or source again mean a group larger than what was cut off; drop the source.",
         "Allow more attempts (`budget.attempts`) only if each one changed something in the table of bumpers."),
    )  # fmt: skip


def _spent(history: History) -> Explanation:
    assert history.outcome is not None
    return Explanation(history.outcome.report[0] + ".", "The budget." if history.outcome.kind == "out_of_budget" else "Remedies for this cause.",
                       ("Raise `budget.attempts` or `budget.seconds`; finished pieces are not made again.",
                        "Or install a remedy for this kind of cause (docs/remedies.md)."))  # fmt: skip


def _hits(history: History, cause: Cause) -> str:
    return ", ".join(dict.fromkeys(f.audit for f in history.findings if f.id in cause.hits)) or "an audit"


# -- the record ------------------------------------------------------------------------------------------------------------------------


def _attempt(history: History, attempt: Attempt) -> str:
    lines = [f"### Attempt {attempt.number}: {attempt.remedy.note if attempt.remedy else 'as asked for'}", *_tried(attempt), *_seen(history, attempt)]
    return "\n".join(lines)


def _tried(attempt: Attempt) -> Iterator[str]:
    if attempt.remedy is not None:
        kind = load_remedy(attempt.remedy.kind)
        yield (f"- remedy `{kind.name}` on attempt {attempt.remedy.of_attempt}'s recipe, from checkpoint {attempt.remedy.rewind_to[:SHORT]}; "
               f"expected to cure {attempt.remedy.expected:.0%} of such causes; can break {kind.breaks} ({kind.source})")  # fmt: skip


def _seen(history: History, attempt: Attempt) -> Iterator[str]:
    for leg in history.watched(attempt):
        for checkpoint in leg.trained.audited if leg.trained else ():
            for hit in history.hits_at(checkpoint):
                yield f"- `{hit.audit}` hit at stage {leg.stage.name!r} ({checkpoint[:SHORT]}): {told(worst(hit))}"
            cause = next((c for c in history.causes if any(f.id in c.hits for f in history.findings_at(checkpoint))), None)
            if cause is not None:
                yield from _diagnosed(cause)
    for cure in [c for c in history.cures if c.attempt == attempt.number]:
        yield from (f"- cure, {check.name}: {check.verdict}, {check.told}" for check in cure.checks)
    trained = [leg.trained for leg in history.legs(attempt) if leg.trained]
    left = history.left_at(trained[-1].last.id) if trained else None
    if left is not None:
        yield "- some of the trait was left, so this attempt's training was looked into:"
        yield from _diagnosed(left)


def _diagnosed(cause: Cause) -> Iterator[str]:
    if not cause.suspects:
        yield f"- no cause was found: {cause.reason}"
    for suspect in cause.suspects:
        yield f"- cause: {_told(suspect)}: {suspect.verdict}, {suspect.reason}"


def _told(suspect: Suspect) -> str:
    shared = f" ({suspect.shared[0]['text']})" if suspect.shared else ""
    return f"{named(suspect)}{shared}"


def _bumpers(history: History) -> str:
    """Each audit's verdict and worst measure at the last checkpoint that each attempt had audited."""
    ends = [[c for leg in history.watched(a) if leg.trained for c in leg.trained.audited if history.findings_at(c)] for a in history.attempts]
    found = [{f.audit: f for f in history.findings_at(seen[-1])} if seen else {} for seen in ends]
    head = "| audit | " + " | ".join(f"attempt {a.number}" for a in history.attempts) + " |"
    rows = [f"| {name} | " + " | ".join(_cell(history, at.get(name)) for at in found) + " |" for name in history.campaign.battery
            if any(at[name].verdict != "clear" for at in found if name in at)]  # fmt: skip
    quiet = len(history.campaign.battery) - len(rows)
    return "\n".join([head, "|" + "---|" * (len(found) + 1), *rows, "", f"The other {quiet} audits were clear wherever they looked."])


def _cell(history: History, finding: Finding | None) -> str:
    if finding is None:
        return "not asked"
    measure = worst(finding)
    value = f" {measure.mean:.2f}" if measure is not None and measure.mean is not None else ""
    excused = " (excused)" if history.excuse(finding) else ""
    return f"{finding.verdict}{value}{excused}"


def _cost(history: History) -> str:
    spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in history.spent.items())
    pressure = ", ".join(f"{name} {count}" for name, count in history.selection.items() if count) or "none"
    head = f"{spent}. Retries steered, by audit: {pressure}. Remedies refused before training: {len(history.refused)}."
    return "\n".join([head, *outlays(history)])

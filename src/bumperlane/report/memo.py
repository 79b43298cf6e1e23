"""The memo of a campaign that did not converge: what was seen, what was tried, what it changed, and
why the loop cannot go on.

Idea: "or, we are repeatedly failing in consistent ways: change plans and try to articulate as best
we can why". An engineer must be able to act on it without the ledger. Invariant: every sentence is
read from the events.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bumperlane.loop.history import Attempt, History, trained_stages
from bumperlane.records import SHORT, Cause, Finding
from bumperlane.remedies import load_remedy
from bumperlane.report.obstacle import explanation, suspect_text
from bumperlane.report.parts import cost_rows, measure_text, spent_text, worst

if TYPE_CHECKING:
    from bumperlane.campaign import OpenCampaign

OUTCOMES = {
    "stuck": "stuck",
    "escalated": "escalated to a person",
    "out_of_budget": "out of budget",
}


def write_memo(opened: OpenCampaign) -> Path | None:
    """``memo.md`` in the run folder; None where the campaign converged or has not ended."""
    history = opened.history
    if history.outcome is None or history.outcome.kind == "converged":
        return None
    path = opened.folder / "memo.md"
    path.write_text(memo(history), encoding="utf-8")
    return path


def memo(history: History) -> str:
    """The memo as Markdown."""
    found = explanation(history)
    steps = "\n".join(f"{n}. {step}" for n, step in enumerate(found.steps, 1))
    parts = [
        _title(history),
        f"**The obstacle.** {found.obstacle}",
        f"**Outside the loop's reach.** {found.reach}",
        f"**What to try next.**\n{steps}",
        "## What was seen, and what was tried",
        *(_attempt(history, attempt) for attempt in history.attempts),
        "## Bumper by bumper",
        _bumpers(history),
        "## What it cost",
        _cost(history),
    ]
    return "\n\n".join(parts) + "\n"


def _title(history: History) -> str:
    outcome = history.outcome
    assert outcome is not None
    attempts = f"{outcome.attempts} attempt{'s' if outcome.attempts > 1 else ''}"
    return f"# {history.campaign.name}: {OUTCOMES[outcome.kind]} after {attempts}"


# -- attempt by attempt ---------------------------------------------------------------------------


def _attempt(history: History, attempt: Attempt) -> str:
    note = attempt.remedy.note if attempt.remedy else "as asked for"
    lines = [
        f"### Attempt {attempt.number}: {note}",
        *_tried(attempt),
        *_seen(history, attempt),
        *_checked(history, attempt),
        *_left(history, attempt),
    ]
    return "\n".join(lines)


def _tried(attempt: Attempt) -> Iterator[str]:
    if attempt.remedy is not None:
        kind = load_remedy(attempt.remedy.kind)
        yield (
            f"- remedy `{kind.name}` on attempt {attempt.remedy.of_attempt}'s recipe, "
            f"from checkpoint {attempt.remedy.rewind_to[:SHORT]}; "
            f"expected to cure {attempt.remedy.expected:.0%} of such causes; can break "
            f"{kind.breaks} ({kind.source})"
        )


def _seen(history: History, attempt: Attempt) -> Iterator[str]:
    """The hits at each audited checkpoint, and what was diagnosed of them."""
    for trained in trained_stages(history.watched(attempt)):
        for checkpoint in trained.audited:
            for hit in history.hits_at(checkpoint):
                yield (
                    f"- `{hit.audit}` hit at stage {trained.training.stage.name!r} "
                    f"({checkpoint[:SHORT]}): {measure_text(worst(hit))}"
                )
            cause = _cause_at(history, checkpoint)
            if cause is not None:
                yield from _diagnosed(cause)


def _cause_at(history: History, checkpoint: str) -> Cause | None:
    """The first diagnosis of a finding there."""
    found = {f.id for f in history.findings_at(checkpoint)}
    return next((cause for cause in history.causes if not found.isdisjoint(cause.hits)), None)


def _diagnosed(cause: Cause) -> Iterator[str]:
    if not cause.suspects:
        yield f"- no cause was found: {cause.reason}"
    for suspect in cause.suspects:
        yield f"- cause: {suspect_text(suspect)}: {suspect.verdict}, {suspect.reason}"


def _checked(history: History, attempt: Attempt) -> Iterator[str]:
    """What the verification said of the attempt's cures."""
    for cure in history.cures:
        if cure.attempt == attempt.number:
            for check in cure.checks:
                yield f"- cure, {check.name}: {check.verdict}, {check.message}"


def _left(history: History, attempt: Attempt) -> Iterator[str]:
    """The diagnosis of what the attempt's remedy left of a trait."""
    trained = trained_stages(history.stage_runs(attempt))
    cause = history.left_at(trained[-1].last.id) if trained else None
    if cause is not None:
        yield "- some of the trait was left, so this attempt's training was looked into:"
        yield from _diagnosed(cause)


# -- bumper by bumper -----------------------------------------------------------------------------


def _bumpers(history: History) -> str:
    """Each audit's verdict and worst measure at the last checkpoint that each attempt had
    audited."""
    ends = [_last_findings(history, attempt) for attempt in history.attempts]
    titles = [f"attempt {attempt.number}" for attempt in history.attempts]
    rows = [
        _bumper(history, name, ends)
        for name in history.campaign.battery
        if _ever_unclear(name, ends)
    ]
    quiet = len(history.campaign.battery) - len(rows)
    lines = [
        _line(["audit", *titles]),
        "|" + "---|" * (len(ends) + 1),
        *rows,
        "",
        f"The other {quiet} audits were clear wherever they looked.",
    ]
    return "\n".join(lines)


def _ever_unclear(name: str, ends: list[dict[str, Finding]]) -> bool:
    """Whether an audit was not clear at one of the ends."""
    return any(end[name].verdict != "clear" for end in ends if name in end)


def _bumper(history: History, name: str, ends: list[dict[str, Finding]]) -> str:
    return _line([name, *(_cell(history, end.get(name)) for end in ends)])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _last_findings(history: History, attempt: Attempt) -> dict[str, Finding]:
    """By audit, the findings at the last checkpoint that the attempt had audited."""
    found: dict[str, Finding] = {}
    for trained in trained_stages(history.watched(attempt)):
        for checkpoint in trained.audited:
            here = {f.audit: f for f in history.findings_at(checkpoint)}
            found = here or found
    return found


def _cell(history: History, finding: Finding | None) -> str:
    if finding is None:
        return "not asked"
    measure = worst(finding)
    value = f" {measure.mean:.2f}" if measure is not None and measure.mean is not None else ""
    accepted = " (accepted as clear)" if history.accepted_because(finding) else ""
    return f"{finding.verdict}{value}{accepted}"


# -- cost -----------------------------------------------------------------------------------------


def _cost(history: History) -> str:
    steered = [f"{name} {count}" for name, count in history.selection.items() if count]
    head = (
        f"{spent_text(history)}. Retries steered, by audit: {', '.join(steered) or 'none'}. "
        f"Remedies refused before training: {len(history.refused)}."
    )
    return "\n".join([head, *cost_rows(history)])

"""The page: outcome, lineage, evidence, exhibits, cause and rows, before and after.

Invariant: everything on it is read from the ledger and the store, nothing is fetched, and what is
inconclusive is as visible as a hit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bumperlane.loop.history import Attempt, History, TrainedStage, trained_stages
from bumperlane.records import SHORT, Cause, Check, Finding
from bumperlane.report.causes import cause_html
from bumperlane.report.lineage import lineage
from bumperlane.report.parts import EXHIBITS_SHOWN, document, exhibits, facts, section, spent_text
from bumperlane.report.svg import element
from bumperlane.report.tables import cell, plain_row, row, table
from bumperlane.report.trends import before_after, evidence

if TYPE_CHECKING:
    from bumperlane.campaign import OpenCampaign

MEANING = {
    "converged": "every audit of the battery and of the held-out battery is clear at the candidate",
    "stuck": "the loop cannot go on, for the reasons below; nothing is released",
    "escalated": (
        "the held-out battery saw what the battery no longer sees; a person must look, and "
        "nothing is released"
    ),
    "out_of_budget": "the budget is spent before every bumper was quiet; nothing is released",
}
# the colour of a check's verdict
CHECK_CSS = {"passed": "clear", "failed": "hit", "unmeasured": "inconclusive", "absent": ""}


def write_report(opened: OpenCampaign) -> Path:
    """Write ``report.html`` in the run folder and return its path."""
    path = opened.folder / "report.html"
    path.write_text(page(opened), encoding="utf-8")
    return path


def page(opened: OpenCampaign) -> str:
    """The page as text."""
    history = opened.history
    sections = [
        _outcome(history),
        _lineage(history),
        _attempts(history),
        _cures(history),
        before_after(history),
        evidence(history),
        _causes(opened, history),
        _exhibits(history),
        _held_out(history),
        _settings(history),
    ]
    return document(history.campaign.name, sections)


# -- what came of it ------------------------------------------------------------------------------


def _outcome(history: History) -> str:
    title, outcome = f"<h1>{escape(history.campaign.name)}</h1>", history.outcome
    if outcome is None:
        return f"<header>{title}<p class='verdict'>unfinished</p></header>"
    lines = "".join(f"<li>{escape(text)}</li>" for text in outcome.report)
    candidate = f"<p>candidate <code>{outcome.candidate}</code></p>" if outcome.candidate else ""
    return (
        f"<header>{title}"
        f"<p class='verdict {outcome.kind}'>{outcome.kind.replace('_', ' ')}</p>"
        f"<p>after {outcome.attempts} attempt(s): {MEANING[outcome.kind]}.</p>"
        f"{candidate}<ul>{lines}</ul></header>"
    )


def _lineage(history: History) -> str:
    note = "Every training is an edge; a retry is a new edge, never a resume."
    return section("Lineage", f'<div class="scroll">{lineage(history)}</div>{_legend()}', note)


def _legend() -> str:
    words = {
        "hit": "hit",
        "clear": "clear",
        "inconclusive": "inconclusive",
        "released": "converged candidate",
        "plain": "not audited",
    }
    entries = "".join(f"<span>{_sample(css)}{word}</span>" for css, word in words.items())
    return f'<p class="legend">{entries}</p>'


def _sample(css: str) -> str:
    return element("svg", body=element("circle", css, cx=7, cy=7, r=5), width=14, height=14)


# -- attempts and cures ---------------------------------------------------------------------------


def _attempts(history: History) -> str:
    titles = ("#", "why", "rewound to", "stages", "hits")
    rows = (_attempt_row(history, attempt) for attempt in history.attempts)
    return section("Attempts", table(titles, rows))


def _attempt_row(history: History, attempt: Attempt) -> str:
    remedy, trained = attempt.remedy, trained_stages(history.stage_runs(attempt))
    start = remedy.rewind_to if remedy else attempt.recipe.start
    return plain_row(
        str(attempt.number),
        escape(remedy.note) if remedy else "first",
        f"<code>{start[:SHORT]}</code>",
        escape(", ".join(stage.training.stage.name for stage in trained) or "none yet"),
        escape("; ".join(sorted(_hits(history, trained))) or "none"),
    )


def _hits(history: History, trained: Iterable[TrainedStage]) -> set[str]:
    """The hits at the checkpoints of these stages, in words."""
    hits: set[str] = set()
    for stage in trained:
        for checkpoint in stage.checkpoints:
            hits |= {
                f"{f.audit} at {checkpoint.id[:SHORT]}" for f in history.hits_at(checkpoint.id)
            }
    return hits


def _cures(history: History) -> str:
    """What was checked of each remedy, and what was refused before it was trained."""
    if not history.cures and not history.refused:
        return ""
    rows = [_check(cure.attempt, check) for cure in history.cures for check in cure.checks]
    checks = table(("attempt", "check", "verdict", ""), rows) if rows else ""
    refused = "".join(
        f"<p class='why'>refused before training: {escape(remedy.note)}: {escape(why)}</p>"
        for remedy, why in history.refused
    )
    note = "A quiet battery after a remedy is not a cure until these have passed."
    return section("Cures", checks + refused, note)


def _check(attempt: int, check: Check) -> str:
    return row(
        cell(str(attempt)),
        cell(escape(check.name)),
        cell(check.verdict, CHECK_CSS[check.verdict]),
        cell(escape(check.message)),
    )


# -- causes and exhibits --------------------------------------------------------------------------


def _causes(opened: OpenCampaign, history: History) -> str:
    causes = "".join(_cause(opened, history, cause) for cause in history.causes)
    return section("Cause", causes or "<p>No bumper hit, so there was nothing to diagnose.</p>")


def _cause(opened: OpenCampaign, history: History, cause: Cause) -> str:
    hits = [f for f in history.findings if f.id in cause.hits]
    head = _at(", ".join(f.audit for f in hits), hits[0].checkpoint)
    return head + cause_html(cause, _suspected(opened, cause))


def _at(what: str, checkpoint: str) -> str:
    return f"<h3>{escape(what)} at <code>{checkpoint[:SHORT]}</code></h3>"


def _suspected(opened: OpenCampaign, cause: Cause) -> dict[str, dict[str, Any]]:
    """Rows of the stages that a suspect names, by id."""
    stages = {s.stage for s in cause.suspects if s.rows}
    manifests = {
        stage.rows
        for attempt in opened.history.attempts
        for stage in attempt.recipe.stages
        if stage.name in stages
    }
    rows: dict[str, dict[str, Any]] = {}
    for manifest in sorted(manifests):
        rows.update(opened.store.manifest(manifest))
    return rows


def _exhibits(history: History) -> str:
    shown = "".join(
        _at(finding.audit, finding.checkpoint) + exhibits(finding.exhibits[:EXHIBITS_SHOWN])
        for finding in history.findings
        if finding.verdict == "hit" and finding.exhibits
    )
    return section("Exhibits", shown or "<p>No bumper hit.</p>")


# -- held-out battery and settings ----------------------------------------------------------------


def _held_out(history: History) -> str:
    found = [
        Finding.model_validate(event.body["finding"])
        for event in history.events
        if event.kind == "held_out_finding"
    ]
    titles = ("audit", "verdict", "worst measure", "reason")
    never = "<p>Not opened: it is read only at a candidate at which the battery is clear.</p>"
    return section("Held-out battery", table(titles, map(_held_out_row, found)) if found else never)


def _held_out_row(found: Finding) -> str:
    m = max(found.measures, key=lambda m: m.log_e, default=None)
    measure = "" if m is None else f"{m.name}: {m.mean} ({m.low} to {m.high}), n={m.n}"
    return row(
        cell(escape(found.audit)),
        cell(found.verdict, found.verdict),
        cell(escape(measure)),
        cell(escape(found.why)),
    )


def _settings(history: History) -> str:
    campaign = history.campaign
    spent = sum(f.alpha for f in history.findings)
    alarm_budget = (
        f"{campaign.budget.false_alarm:.2%} for the whole campaign; {spent:.3%} spent "
        f"by {len(history.findings)} audits"
    )
    pairs = [
        ("start checkpoint", history.start.id),
        ("recipe digest", campaign.recipe.digest),
        ("pack", campaign.pack),
        ("seed", str(campaign.seed)),
        ("alarm budget", alarm_budget),
        ("spent", spent_text(history)),
        ("ledger head", history.events[-1].digest),
    ]
    stages = escape(json.dumps([_set(s.plain()) for s in campaign.recipe.stages], indent=1))
    recipe = f"<details><summary>recipe</summary><pre>{stages}</pre></details>"
    return section("Settings", facts(pairs) + recipe)


def _set(stage: dict[str, Any]) -> dict[str, Any]:
    """What is set of a stage."""
    return {name: value for name, value in stage.items() if value not in (None, [], {})}

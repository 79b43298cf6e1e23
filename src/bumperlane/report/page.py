"""The page: outcome, lineage, evidence, exhibits, cause and rows, before and after.

Invariant: everything on it is read from the ledger and the store, nothing is fetched, and what is inconclusive is as visible as a hit.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bumperlane.history import Attempt, History
from bumperlane.records import SHORT, Cause, Finding, Measure
from bumperlane.report.causes import cause_html
from bumperlane.report.parts import EXHIBITS_SHOWN, document, exhibits, facts, section
from bumperlane.report.svg import intervals, lineage

if TYPE_CHECKING:
    from bumperlane.campaign import OpenCampaign

MEANING = {
    "converged": "every audit of the battery and of the held-out battery is clear at the candidate",
    "stuck": "the loop cannot go on, for the reasons below; nothing is released",
    "escalated": "the held-out battery saw what the battery no longer sees; a person must look, and nothing is released",
    "out_of_budget": "the budget is spent before every bumper was quiet; nothing is released",
}


VERDICTS = {"passed": "clear", "failed": "hit", "unmeasured": "inconclusive", "absent": ""}


def write_report(opened: OpenCampaign) -> Path:
    """Write ``report.html`` in the run folder and return its path."""
    path = opened.folder / "report.html"
    path.write_text(page(opened), encoding="utf-8")
    return path


def page(opened: OpenCampaign) -> str:
    history = opened.history
    sections = [
        _outcome(history), _lineage(history), _attempts(history), _cures(history), _before_after(history), _evidence(history),
        _causes(opened, history), _exhibits(history), _held_out(history), _settings(history),
    ]  # fmt: skip
    return document(history.campaign.name, sections)


def _outcome(history: History) -> str:
    outcome = history.outcome
    if outcome is None:
        return f"<header><h1>{escape(history.campaign.name)}</h1><p class='verdict'>unfinished</p></header>"
    lines = "".join(f"<li>{escape(text)}</li>" for text in outcome.report)
    candidate = f"<p>candidate <code>{outcome.candidate}</code></p>" if outcome.candidate else ""
    return (
        f"<header><h1>{escape(history.campaign.name)}</h1><p class='verdict {outcome.kind}'>{outcome.kind.replace('_', ' ')}</p>"
        f"<p>after {outcome.attempts} attempt(s): {MEANING[outcome.kind]}.</p>{candidate}<ul>{lines}</ul></header>"
    )


def _lineage(history: History) -> str:
    note = "Every training is an edge; a retry is a new edge, never a resume."
    return section("Lineage", f'<div class="scroll">{lineage(history)}</div>{_legend()}', note)


def _legend() -> str:
    names = ("hit", "clear", "inconclusive", "released", "plain")
    words = {"plain": "not audited", "released": "converged candidate"}
    spans = "".join(f'<span><svg width="14" height="14"><circle class="{n}" cx="7" cy="7" r="5"/></svg>{words.get(n, n)}</span>' for n in names)
    return f'<p class="legend">{spans}</p>'


def _attempts(history: History) -> str:
    rows = "".join(_attempt_row(history, attempt) for attempt in history.attempts)
    return section("Attempts", f"<table><tr><th>#</th><th>why</th><th>rewound to</th><th>stages</th><th>hits</th></tr>{rows}</table>")


def _attempt_row(history: History, attempt: Attempt) -> str:
    remedy, legs = attempt.remedy, history.legs(attempt)
    seen = [c.id for leg in legs if leg.trained for c in leg.trained.checkpoints]
    hits = {f"{f.audit} at {f.checkpoint[:SHORT]}" for c in seen for f in history.hits_at(c)}
    why = escape(remedy.note) if remedy else "first"
    rewound = f"<code>{(remedy.rewind_to if remedy else attempt.recipe.start)[:SHORT]}</code>"
    stages = ", ".join(leg.stage.name for leg in legs if leg.trained) or "none yet"
    cells = (str(attempt.number), why, rewound, escape(stages), escape("; ".join(sorted(hits)) or "none"))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _cures(history: History) -> str:
    """What was checked of each remedy, and what was refused before it was trained."""
    if not history.cures and not history.refused:
        return ""
    rows = "".join(
        f"<tr><td>{cure.attempt}</td><td>{escape(check.name)}</td><td class='{VERDICTS[check.verdict]}'>{check.verdict}</td>"
        f"<td>{escape(check.told)}</td></tr>"
        for cure in history.cures for check in cure.checks
    )  # fmt: skip
    refused = "".join(f"<p class='why'>refused before training: {escape(r.note)}: {escape(why)}</p>" for r, why in history.refused)
    table = f"<table><tr><th>attempt</th><th>check</th><th>verdict</th><th></th></tr>{rows}</table>" if rows else ""
    return section("Cures", f"{table}{refused}", "A quiet battery after a remedy is not a cure until these have passed.")


def _before_after(history: History) -> str:
    """Every measure of the battery at the first checkpoint that hit, and at the last one audited."""
    hit = next((f.checkpoint for f in history.findings if f.verdict == "hit"), None)
    if hit is None:
        return ""
    last = history.looked_at[-1]
    before, after = ({(f.audit, m.name.split(": ")[0]): m for f in history.findings_at(c) for m in _mildest_first(f)} for c in (hit, last))
    rows = "".join(
        f"<tr><td>{escape(audit)}</td><td>{escape(name)}</td>{_cell(m)}{_cell(after.get((audit, name)))}<td>{m.tolerance:.3g}</td></tr>"
        for (audit, name), m in before.items()
    )
    head = f"<tr><th>audit</th><th>measure</th><th>before: {hit[:SHORT]}</th><th>after: {last[:SHORT]}</th><th>tolerance</th></tr>"
    return section("Before and after", f"<table>{head}{rows}</table>", "Mean and anytime-valid interval; of several insertions the worst.")


def _mildest_first(found: Finding) -> list[Measure]:
    return sorted(found.measures, key=lambda m: m.log_e)


def _cell(m: Measure | None) -> str:
    if m is None or m.mean is None:
        return "<td class='inconclusive'>not measured</td>"
    return f"<td class='{m.verdict}'>{m.mean:.2f} ({m.low:.2f} to {m.high:.2f})</td>"


def _evidence(history: History) -> str:
    """For each audit, its measures over the checkpoints it looked at."""
    steps = {c.id: f"{(c.stage or '')[:4]} {c.step}" for trained in history.trained for c in trained.checkpoints}
    parts = []
    for name in history.campaign.battery:
        findings = [f for f in history.findings if f.audit == name]
        parts.append(f"<h3>{escape(name)} <small>{escape(findings[0].family if findings else 'not run')}</small></h3>{_strip(findings, steps)}")
        unclear = [f for f in findings if f.verdict == "inconclusive"]
        parts += [f'<p class="why">{escape(steps[f.checkpoint])}: inconclusive, {escape(f.reason)}</p>' for f in unclear]
    note = (
        "Mean and anytime-valid interval of each measure at each audited checkpoint; the dashed line is the tolerance."
        " Clear needs the whole interval below it."
    )
    return section("Evidence over checkpoints", "".join(parts), note)


def _strip(findings: list[Finding], steps: dict[str, str]) -> str:
    series: dict[str, list[tuple[str, Measure]]] = {}
    for found in findings:
        for measure in found.measures:
            key = measure.name if ": " not in measure.name else f"{measure.name.split(': ')[0]}: worst insertion"
            series.setdefault(key, []).append((steps[found.checkpoint], measure))
    charts = []
    for name, measures in series.items():
        worst = {label: max((m for at, m in measures if at == label), key=lambda m: m.log_e) for label in dict.fromkeys(at for at, _ in measures)}
        charts.append(f'<figure><figcaption>{escape(name)}</figcaption>{intervals(list(worst.items()))}</figure>')
    return f'<div class="strip">{"".join(charts)}</div>' if charts else "<p>nothing was measured</p>"


def _causes(opened: OpenCampaign, history: History) -> str:
    parts = []
    for cause in history.causes:
        found = [f for f in history.findings if f.id in cause.hits]
        head = f"<h3>{escape(', '.join(f.audit for f in found))} at <code>{found[0].checkpoint[:SHORT]}</code></h3>"
        parts.append(head + cause_html(cause, _suspected(opened, cause)))
    return section("Cause", "".join(parts) or "<p>No bumper hit, so there was nothing to diagnose.</p>")


def _suspected(opened: OpenCampaign, cause: Cause) -> dict[str, dict[str, Any]]:
    """Rows of the stages that a suspect names, by id."""
    stages = {s.stage for s in cause.suspects if s.rows}
    manifests = {stage.rows for attempt in opened.history.attempts for stage in attempt.recipe.stages if stage.name in stages}
    return {i: row for manifest in sorted(manifests) for i, row in opened.store.manifest(manifest)}


def _exhibits(history: History) -> str:
    parts = []
    for finding in history.findings:
        if finding.verdict == "hit" and finding.exhibits:
            head = f"<h3>{escape(finding.audit)} at <code>{finding.checkpoint[:SHORT]}</code></h3>"
            parts.append(head + exhibits(finding.exhibits[:EXHIBITS_SHOWN]))
    return section("Exhibits", "".join(parts) or "<p>No bumper hit.</p>")


def _held_out(history: History) -> str:
    found = [Finding.model_validate(e.body["finding"]) for e in history.events if e.kind == "held_out_finding"]
    rows = "".join(
        f"<tr><td>{escape(f.audit)}</td><td class='{f.verdict}'>{f.verdict}</td><td>{escape(_summary(f))}</td><td>{escape(f.reason)}</td></tr>"
        for f in found
    )
    table = f"<table><tr><th>audit</th><th>verdict</th><th>worst measure</th><th>reason</th></tr>{rows}</table>"
    return section("Held-out battery", table if found else "<p>Not opened: it is read only at a candidate at which the battery is clear.</p>")


def _summary(f: Finding) -> str:
    worst = max(f.measures, key=lambda m: m.log_e, default=None)
    return "" if worst is None else f"{worst.name}: {worst.mean} ({worst.low} to {worst.high}), n={worst.n}"


def _settings(history: History) -> str:
    campaign = history.campaign
    spent = sum(f.alpha for f in history.findings)
    pairs = [
        ("start checkpoint", history.start.id), ("recipe digest", campaign.recipe.digest), ("pack", campaign.pack), ("seed", str(campaign.seed)),
        ("alarm budget", f"{campaign.budget.false_alarm:.2%} for the whole campaign; {spent:.3%} spent by {len(history.findings)} audits"),
        ("spent", ", ".join(f"{name} {seconds:.0f} s" for name, seconds in history.spent.items())), ("ledger head", history.events[-1].digest),
    ]  # fmt: skip
    stages = escape(json.dumps([_stage(s.plain()) for s in campaign.recipe.stages], indent=1))
    return section("Settings", f"{facts(pairs)}<details><summary>recipe</summary><pre>{stages}</pre></details>")


def _stage(plain: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in plain.items() if value not in (None, [], {})}

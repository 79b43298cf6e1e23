"""Measures over a campaign: before and after it, and audit by audit along the checkpoints.

Invariant: a measure stands with its interval and tolerance, and of several insertions the worst is
shown; what could not be decided is written out with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from bumperlane.loop.history import History
from bumperlane.records import SHORT, Finding, Measure
from bumperlane.report.parts import section
from bumperlane.report.plots import intervals
from bumperlane.report.tables import cell, row, table

EVIDENCE_NOTE = (
    "Mean and anytime-valid interval of each measure at each audited checkpoint; "
    "the dashed line is the tolerance. Clear needs the whole interval below it."
)
MeasureName = tuple[str, str]  # the audit, and its measure without the insertion


# -- before and after -----------------------------------------------------------------------------


def before_after(history: History) -> str:
    """Every measure of the battery at the first checkpoint that hit, and at the last one
    audited."""
    hit = next((f.checkpoint for f in history.findings if f.verdict == "hit"), None)
    if hit is None:
        return ""
    last = history.looked_at[-1]
    before, after = _worst_by_name(history, hit), _worst_by_name(history, last)
    titles = (
        "audit",
        "measure",
        f"before: {hit[:SHORT]}",
        f"after: {last[:SHORT]}",
        "tolerance",
    )
    rows = [_compared(name, measure, after.get(name)) for name, measure in before.items()]
    note = "Mean and anytime-valid interval; of several insertions the worst."
    return section("Before and after", table(titles, rows), note)


def _worst_by_name(history: History, checkpoint: str) -> dict[MeasureName, Measure]:
    worst: dict[MeasureName, Measure] = {}
    for found in history.findings_at(checkpoint):
        for measure in sorted(found.measures, key=lambda m: m.log_e):
            worst[found.audit, measure.name.split(": ")[0]] = measure
    return worst


def _compared(name: MeasureName, before: Measure, after: Measure | None) -> str:
    audit, measure = map(escape, name)
    tolerance = cell(f"{before.tolerance:.3g}")
    return row(cell(audit), cell(measure), _value(before), _value(after), tolerance)


def _value(m: Measure | None) -> str:
    if m is None or m.mean is None:
        return cell("not measured", "inconclusive")
    return cell(f"{m.mean:.2f} ({m.low:.2f} to {m.high:.2f})", m.verdict)


# -- along the checkpoints ------------------------------------------------------------------------


def evidence(history: History) -> str:
    """For each audit, its measures over the checkpoints it looked at."""
    steps = {
        c.id: f"{(c.stage or '')[:4]} {c.step}"
        for trained in history.trained
        for c in trained.checkpoints
    }
    parts = [_audit(history, name, steps) for name in history.campaign.battery]
    return section("Evidence over checkpoints", "".join(parts), EVIDENCE_NOTE)


def _audit(history: History, name: str, steps: dict[str, str]) -> str:
    findings = [f for f in history.findings if f.audit == name]
    group = escape(findings[0].family if findings else "not run")
    unclear = "".join(
        f'<p class="why">{escape(steps[f.checkpoint])}: inconclusive, {escape(f.why)}</p>'
        for f in findings
        if f.verdict == "inconclusive"
    )
    return f"<h3>{escape(name)} <small>{group}</small></h3>{_strip(findings, steps)}{unclear}"


def _strip(findings: list[Finding], steps: dict[str, str]) -> str:
    """A chart for each measure; of several insertions, one for the worst."""
    series: dict[str, list[tuple[str, Measure]]] = {}
    for found in findings:
        for measure in found.measures:
            series.setdefault(_title(measure), []).append((steps[found.checkpoint], measure))
    charts = "".join(_chart(title, measures) for title, measures in series.items())
    return f'<div class="strip">{charts}</div>' if charts else "<p>nothing was measured</p>"


def _title(measure: Measure) -> str:
    name, inserted, _ = measure.name.partition(": ")
    return f"{name}: worst insertion" if inserted else name


def _chart(title: str, measures: Iterable[tuple[str, Measure]]) -> str:
    by_step: dict[str, list[Measure]] = {}
    for step, measure in measures:
        by_step.setdefault(step, []).append(measure)
    worst = [(step, max(found, key=lambda m: m.log_e)) for step, found in by_step.items()]
    return f"<figure><figcaption>{escape(title)}</figcaption>{intervals(worst)}</figure>"

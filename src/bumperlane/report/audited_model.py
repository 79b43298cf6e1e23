"""The page of one audited model: what the audits saw of it, what was not run, and why.

Invariant: what is inconclusive and what was not run stand as visibly as a hit, and neither is
counted as clear; every figure is a finding's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from bumperlane.evidence import combine
from bumperlane.records import Finding, Measure, Record, Verdict
from bumperlane.report.parts import (
    EXHIBITS_SHOWN,
    document,
    exhibits,
    facts,
    measure_text,
    section,
    worst,
)
from bumperlane.report.plots import intervals
from bumperlane.report.tables import cell, row, table

MEASURES_SHOWN = 24
MEANING: dict[Verdict, str] = {
    "hit": "at least one audit saw what its tolerance does not allow",
    "clear": "every audit that was run is clear; this says nothing of what was not run",
    "inconclusive": (
        "no audit hit, but not every one could say that it is clear; no evidence is not a pass"
    ),
}
EVIDENCE_NOTE = (
    "Mean and anytime-valid interval of each measure; the dashed line is its tolerance. "
    "Clear needs the whole interval below it."
)


class AuditReport(Record):
    """One model, audited once. ``not_run``: audit -> why. ``settings``: as given on the command
    line."""

    model: str
    findings: tuple[Finding, ...]
    not_run: dict[str, str]
    settings: dict[str, Any]
    tokens: int
    seconds: float
    versions: dict[str, str]

    @property
    def verdict(self) -> Verdict:
        return combine(found.verdict for found in self.findings)

    def of(self, verdict: Verdict) -> list[Finding]:
        """The findings with that verdict."""
        return [found for found in self.findings if found.verdict == verdict]


def write_audit_report(path: Path, report: AuditReport) -> Path:
    """Write the page and return its path."""
    path.write_text(audit_report_page(report), encoding="utf-8")
    return path


def audit_report_page(report: AuditReport) -> str:
    """The page as text."""
    evidence = "".join(map(_evidence, _by_group(report.findings)))
    sections = [
        _verdict(report),
        _table(report),
        section("What each audit saw", evidence or "<p>No audit was run.</p>", EVIDENCE_NOTE),
        _not_run(report),
        _settings(report),
    ]
    return document(f"audit of {report.model}", sections)


def _by_group(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda found: found.family)


def _verdict(report: AuditReport) -> str:
    verdict = report.verdict
    counted = ", ".join(f"{len(report.of(v))} {v}" for v in MEANING)
    left = f"; {len(report.not_run)} not run" if report.not_run else ""
    return (
        f"<header><h1>Audit of {escape(report.model)}</h1>"
        f"<p class='verdict {verdict}'>{verdict}</p><p>{MEANING[verdict]}.</p>"
        f"<p>{len(report.findings)} audits: {counted}{left}.</p></header>"
    )


def _table(report: AuditReport) -> str:
    titles = ("group", "audit", "verdict", "worst measure", "n", "tokens", "reason")
    shown = table(titles, map(_row, _by_group(report.findings)), "short")
    return section("By group", f"<div class='scroll'>{shown}</div>")


def _row(found: Finding) -> str:
    m, name = worst(found), escape(found.audit)
    return row(
        cell(escape(found.family)),
        cell(f"<a href='#{name}'>{name}</a>"),
        cell(found.verdict, found.verdict),
        cell(escape(measure_text(m))),
        cell(str(m.n if m else 0)),
        cell(f"{found.tokens:,}"),
        cell(escape(found.why)),
    )


def _evidence(found: Finding) -> str:
    about = (
        f"{escape(found.family)}; {found.verdict}; {found.tokens:,} tokens, {found.seconds:.1f} s"
    )
    name = escape(found.audit)
    head = f"<h3 id='{name}'>{name} <small>{about}</small></h3>"
    return head + _why(found) + _measures(found) + _details(found) + _exhibits(found)


def _why(found: Finding) -> str:
    return f'<p class="why">{found.verdict}: {escape(found.why)}</p>' if found.why else ""


def _measures(found: Finding) -> str:
    if not found.measures:
        return "<p>Nothing was measured.</p>"
    ordered = sorted(found.measures, key=lambda m: -m.log_e)
    figures = "".join(map(_figure, ordered[:MEASURES_SHOWN]))
    rest = len(ordered) - MEASURES_SHOWN
    more = f"<p class='note'>{rest} milder measures are in the output of --json.</p>"
    return f'<div class="strip narrow">{figures}</div>{more if rest > 0 else ""}'


def _figure(m: Measure) -> str:
    verdict = f"{m.verdict}, tolerance {m.tolerance:.3g}"
    if m.mean is None:
        shown, value = "<p class='note'>not measured</p>", ""
    else:
        shown = intervals([(f"n={m.n}", m)])
        value = f"<br>{m.mean:.2f} ({m.low:.2f} to {m.high:.2f})"
    caption = f"{escape(m.name)}{value}<br>{verdict}"
    return f"<figure><figcaption>{caption}</figcaption>{shown}</figure>"


def _details(found: Finding) -> str:
    if not found.details:
        return ""
    pairs = [(name, _plain(value)) for name, value in found.details.items()]
    return f"<details><summary>controls and details</summary>{facts(pairs)}</details>"


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _exhibits(found: Finding) -> str:
    if not found.exhibits:
        return ""
    shown, more = found.exhibits[:EXHIBITS_SHOWN], len(found.exhibits) - EXHIBITS_SHOWN
    rest = f"; {more} more in the output of --json" if more > 0 else ""
    opened = " open" if found.verdict == "hit" else ""
    return (
        f"<details{opened}><summary>exhibits: what was said{rest}</summary>"
        f"<div class='scroll'>{exhibits(shown)}</div></details>"
    )


def _not_run(report: AuditReport) -> str:
    rows = [
        row(cell(escape(name)), cell(escape(why), "inconclusive"))
        for name, why in report.not_run.items()
    ]
    return section(
        "Not run",
        table(("audit", "why not"), rows) if rows else "<p>Every installed audit was run.</p>",
        "What was not run says nothing, and is counted as nothing.",
    )


def _settings(report: AuditReport) -> str:
    settings = [
        (name.replace("_", " "), value if isinstance(value, str) else json.dumps(value))
        for name, value in report.settings.items()
    ]
    spent = [
        ("alarm budget spent", f"{sum(found.alpha for found in report.findings):.3%}"),
        ("tokens through the models", f"{report.tokens:,}"),
        ("time", f"{report.seconds:.1f} s"),
    ]
    return section("Settings", facts([*settings, *spent, *report.versions.items()]))

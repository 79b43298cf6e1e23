"""The page of one examination: what the audits saw of one model, what was not run, and why.

Invariant: what is inconclusive and what was not run stand as visibly as a hit, and neither is counted as clear; every figure is a finding's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from bumperlane.evidence import combine
from bumperlane.records import Finding, Measure, Record, Verdict
from bumperlane.report.parts import EXHIBITS_SHOWN, document, exhibits, facts, section, told, worst
from bumperlane.report.svg import intervals

MEASURES_SHOWN = 24
MEANING: dict[Verdict, str] = {
    "hit": "at least one audit saw what its tolerance does not allow",
    "clear": "every audit that was run is clear; this says nothing of what was not run",
    "inconclusive": "no audit hit, but not every one could say that it is clear; no evidence is not a pass",
}


class Examination(Record):
    """One model, looked at once. ``not_run``: audit -> why. ``settings``: as given on the command line."""

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
        return [found for found in self.findings if found.verdict == verdict]


def write_examined(path: Path, examination: Examination) -> Path:
    path.write_text(examined_page(examination), encoding="utf-8")
    return path


def examined_page(examination: Examination) -> str:
    looked = [_evidence(found) for found in _by_group(examination.findings)]
    note = "Mean and anytime-valid interval of each measure; the dashed line is its tolerance. Clear needs the whole interval below it."
    sections = [
        _verdict(examination), _table(examination), section("What each audit saw", "".join(looked) or "<p>No audit was run.</p>", note),
        _not_run(examination), _settings(examination),
    ]  # fmt: skip
    return document(f"audit of {examination.model}", sections)


def _by_group(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda found: found.family)


def _verdict(examination: Examination) -> str:
    verdict = examination.verdict
    counted = ", ".join(f"{len(examination.of(v))} {v}" for v in MEANING)
    left = f"; {len(examination.not_run)} not run" if examination.not_run else ""
    return (
        f"<header><h1>Audit of {escape(examination.model)}</h1><p class='verdict {verdict}'>{verdict}</p><p>{MEANING[verdict]}.</p>"
        f"<p>{len(examination.findings)} audits: {counted}{left}.</p></header>"
    )


def _table(examination: Examination) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("group", "audit", "verdict", "worst measure", "n", "tokens", "reason"))
    rows = "".join(map(_row, _by_group(examination.findings)))
    return section("By group", f"<div class='scroll'><table class='short'><tr>{head}</tr>{rows}</table></div>")


def _row(found: Finding) -> str:
    m = worst(found)
    cells = (escape(found.family), f"<a href='#{escape(found.audit)}'>{escape(found.audit)}</a>", None, escape(told(m)), str(m.n if m else 0),
             f"{found.tokens:,}", escape(found.reason))  # fmt: skip
    shown = (f"<td class='{found.verdict}'>{found.verdict}</td>" if cell is None else f"<td>{cell}</td>" for cell in cells)
    return f"<tr>{''.join(shown)}</tr>"


def _evidence(found: Finding) -> str:
    reason = f'<p class="why">{escape(found.verdict)}: {escape(found.reason)}</p>' if found.reason else ""
    about = f"{escape(found.family)}; {found.verdict}; {found.tokens:,} tokens, {found.seconds:.1f} s"
    head = f"<h3 id='{escape(found.audit)}'>{escape(found.audit)} <small>{about}</small></h3>"
    return head + reason + _measures(found) + _details(found) + _exhibits(found)


def _measures(found: Finding) -> str:
    ordered = sorted(found.measures, key=lambda m: -m.log_e)
    figures = "".join(map(_figure, ordered[:MEASURES_SHOWN]))
    rest = len(ordered) - MEASURES_SHOWN
    more = f"<p class='note'>{rest} milder measures are in the output of --json.</p>" if rest > 0 else ""
    return f'<div class="strip narrow">{figures}</div>{more}' if figures else "<p>Nothing was measured.</p>"


def _figure(m: Measure) -> str:
    told_of = f"{m.verdict}, tolerance {m.tolerance:.3g}"
    shown = intervals([(f"n={m.n}", m)]) if m.mean is not None else "<p class='note'>not measured</p>"
    value = f"<br>{m.mean:.2f} ({m.low:.2f} to {m.high:.2f})" if m.mean is not None else ""
    return f"<figure><figcaption>{escape(m.name)}{value}<br>{told_of}</figcaption>{shown}</figure>"


def _details(found: Finding) -> str:
    if not found.details:
        return ""
    pairs = [(key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)) for key, value in found.details.items()]
    return f"<details><summary>controls and details</summary>{facts(pairs)}</details>"


def _exhibits(found: Finding) -> str:
    if not found.exhibits:
        return ""
    shown, more = found.exhibits[:EXHIBITS_SHOWN], len(found.exhibits) - EXHIBITS_SHOWN
    rest = f"; {more} more in the output of --json" if more > 0 else ""
    opened = " open" if found.verdict == "hit" else ""
    return f"<details{opened}><summary>exhibits: what was said{rest}</summary><div class='scroll'>{exhibits(shown)}</div></details>"


def _not_run(examination: Examination) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td class='inconclusive'>{escape(why)}</td></tr>" for name, why in examination.not_run.items())
    table = f"<table><tr><th>audit</th><th>why not</th></tr>{rows}</table>"
    return section("Not run", table if rows else "<p>Every installed audit was run.</p>", "What was not run says nothing, and is counted as nothing.")


def _settings(examination: Examination) -> str:
    given = [(key.replace("_", " "), value if isinstance(value, str) else json.dumps(value)) for key, value in examination.settings.items()]
    spent = sum(found.alpha for found in examination.findings)
    used = [("alarm budget spent", f"{spent:.3%}"), ("tokens through the models", f"{examination.tokens:,}")]
    return section("Settings", facts([*given, *used, ("time", f"{examination.seconds:.1f} s"), *examination.versions.items()]))

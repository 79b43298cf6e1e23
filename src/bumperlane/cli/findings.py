"""What the audits of one model found, as a table for a person and as JSON for a program.

Invariant: both say the same; what was not run stands beside what was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bumperlane.cli.terminal import MARKS
from bumperlane.evidence import battery_log_e, e_bh, mean_log_e
from bumperlane.records import Finding
from bumperlane.report.audited_model import MEANING, AuditReport
from bumperlane.report.parts import measure_text, worst

LISTED = 15  # names in a line; all of them are in the report
WIDE = 150  # columns, where the output is no terminal that has a width of its own
FALSE_SHARE = 0.1  # at which e-BH reports audits


def console() -> Console:
    """Where tables are printed: as wide as the terminal, or wide enough for a file."""
    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(highlight=False, width=WIDE)


def print_findings(report: AuditReport) -> None:
    """The table: a row an audit."""
    table = Table(box=None, pad_edge=False)
    for title in ("audit", "group", "verdict", "worst measure; reason"):
        table.add_column(title, overflow="fold")
    table.add_column("n", justify="right")
    table.add_column("tokens", justify="right")
    for found in sorted(report.findings, key=lambda found: found.family):
        m = worst(found)
        table.add_row(
            found.audit,
            found.family,
            MARKS[found.verdict],
            _measure_and_reason(found),
            str(m.n if m else 0),
            f"{found.tokens:,}",
        )
    console().print(table)


def _measure_and_reason(found: Finding) -> str:
    m = worst(found)
    lines = [escape(measure_text(m))] if m is not None else []
    if found.why:
        lines.append(f"[dim]{escape(found.why)}[/]")
    return "\n".join(lines)


def print_summary(report: AuditReport, page: Path) -> None:
    """What was not run, what is not decided, the verdict, and where the page is."""
    out = console()
    lines = (
        *_not_run_lines(report),
        *_inconclusive_lines(report),
        *_combined_lines(report),
        _verdict_line(report),
        f"report: {escape(str(page))}",
    )
    for line in lines:
        out.print(line, soft_wrap=True)


def _not_run_lines(report: AuditReport) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for name, why in report.not_run.items():
        by_reason.setdefault(why, []).append(name)
    return [f"not run ({escape(why)}): {_listed(names)}" for why, names in by_reason.items()]


def _listed(audits: list[str]) -> str:
    return ", ".join(audits) if len(audits) <= LISTED else f"{len(audits)} audits"


def _inconclusive_lines(report: AuditReport) -> list[str]:
    unclear = [found.audit for found in report.of("inconclusive")]
    if not unclear or report.verdict != "inconclusive":
        return []
    return [
        f"inconclusive: {', '.join(unclear)}; no evidence is not a pass",
        f"to leave these out knowingly: --without {','.join(unclear)}",
    ]


def _combined_lines(report: AuditReport) -> list[str]:
    combined = combined_log_e(report.findings)
    if combined is None:
        return []
    against = "against 'every measure is within its tolerance'"
    log_e = f"log e {combined['log_e']:.2f}"
    return [f"combined over {combined['groups']} groups: {log_e} {against}"]


def _verdict_line(report: AuditReport) -> str:
    counts = [(len(report.of(verdict)), verdict) for verdict in MEANING]
    counted = ", ".join(f"{count} {verdict}" for count, verdict in counts if count)
    audits = f"{counted} of {len(report.findings)} audits"
    spent = f"{report.tokens:,} tokens, {report.seconds:.1f} s"
    return f"{escape(report.model)}: {MARKS[report.verdict]} ({audits}; {spent})"


def combined_log_e(findings: Sequence[Finding]) -> dict[str, Any] | None:
    """The evidence of all findings as one: mean over an audit's measures, over a group's audits,
    over groups (valid however they hang together); and the audits that e-BH would report at a false
    share of 10%. None if nothing was measured."""
    by_audit: dict[str, float] = {}
    by_group: dict[str, list[float]] = {}
    for found in findings:
        log_es = [m.log_e for m in found.measures if m.n]
        if log_es:
            by_audit[found.audit] = mean_log_e(log_es)
            by_group.setdefault(found.family, []).append(by_audit[found.audit])
    if not by_audit:
        return None
    names = list(by_audit)
    return {
        "log_e": round(battery_log_e(by_group), 4),
        "groups": len(by_group),
        "reported_at_false_share_0.1": [
            names[i] for i in e_bh(list(by_audit.values()), FALSE_SHARE)
        ],
    }


def as_json(report: AuditReport, page: Path) -> str:
    """One JSON object: model, verdict, findings, not_run, settings, tokens, seconds, versions,
    combined, report. Numbers that are not finite are null."""
    plain = json.loads(report.model_dump_json())
    whole = {
        "model": plain["model"],
        "verdict": report.verdict,
        **plain,
        "combined": combined_log_e(report.findings),
        "report": str(page),
    }
    return json.dumps(whole, allow_nan=False)

"""What an examination found, as a table for a person and as JSON for a program.

Invariant: both tell the same; what was not run is told beside what was.
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
from bumperlane.report.examined import MEANING, Examination
from bumperlane.report.parts import told, worst

LISTED = 15  # names in a line; all of them are in the report
WIDE = 150  # columns, where the output is no terminal that has a width of its own


def console() -> Console:
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=WIDE)


def print_findings(examination: Examination) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("audit", "group", "verdict", "worst measure; reason"):
        table.add_column(title, overflow="fold")
    table.add_column("n", justify="right")
    table.add_column("tokens", justify="right")
    for found in sorted(examination.findings, key=lambda found: found.family):
        m = worst(found)
        table.add_row(found.audit, found.family, MARKS[found.verdict], _saw(found), str(m.n if m else 0), f"{found.tokens:,}")
    console().print(table)


def _saw(found: Finding) -> str:
    lines = [escape(told(worst(found)))] if worst(found) is not None else []
    return "\n".join(lines + ([f"[dim]{escape(found.reason)}[/]"] if found.reason else []))


def print_summary(examination: Examination, report: Path) -> None:
    out = console()
    for why, left in _left_out(examination).items():
        out.print(f"not run ({escape(why)}): {', '.join(left) if len(left) <= LISTED else f'{len(left)} audits'}", soft_wrap=True)
    unclear = [found.audit for found in examination.of("inconclusive")]
    if unclear and examination.verdict == "inconclusive":
        out.print(f"inconclusive: {', '.join(unclear)}; no evidence is not a pass", soft_wrap=True)
        out.print(f"to leave these out knowingly: --without {','.join(unclear)}", soft_wrap=True)
    combined = combined_log_e(examination.findings)
    if combined is not None:
        against = "against 'every measure is within its tolerance'"
        out.print(f"combined over {combined['groups']} groups: log e {combined['log_e']:.2f} {against}", soft_wrap=True)
    counted = ", ".join(f"{len(found)} {verdict}" for verdict in MEANING if (found := examination.of(verdict)))
    spent = f"{examination.tokens:,} tokens, {examination.seconds:.1f} s"
    out.print(f"{escape(examination.model)}: {MARKS[examination.verdict]} ({counted} of {len(examination.findings)} audits; {spent})", soft_wrap=True)
    out.print(f"report: {escape(str(report))}", soft_wrap=True)


def combined_log_e(findings: Sequence[Finding]) -> dict[str, Any] | None:
    """The evidence of all findings as one: mean over an audit's measures, over a group's audits, over groups (valid however they hang
    together); and the audits that e-BH would report at a false share of 10%. None if nothing was measured."""
    by_audit = {f.audit: mean_log_e([m.log_e for m in f.measures if m.n]) for f in findings if any(m.n for m in f.measures)}
    if not by_audit:
        return None
    groups: dict[str, list[float]] = {}
    for found in findings:
        if found.audit in by_audit:
            groups.setdefault(found.family, []).append(by_audit[found.audit])
    names = list(by_audit)
    reported = [names[i] for i in e_bh([by_audit[name] for name in names], 0.1)]
    return {"log_e": round(battery_log_e(groups), 4), "groups": len(groups), "reported_at_false_share_0.1": reported}


def _left_out(examination: Examination) -> dict[str, list[str]]:
    """Audits that were not run, by reason."""
    made: dict[str, list[str]] = {}
    for name, why in examination.not_run.items():
        made.setdefault(why, []).append(name)
    return made


def as_json(examination: Examination, report: Path) -> str:
    """One JSON object: verdict, findings, not_run, tokens, seconds, versions, settings, report. Numbers that are not finite are null."""
    plain = json.loads(examination.model_dump_json())
    return json.dumps({"model": plain["model"], "verdict": examination.verdict, **plain, "combined": combined_log_e(examination.findings),
                       "report": str(report)}, allow_nan=False)

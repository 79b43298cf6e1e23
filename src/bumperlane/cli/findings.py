"""What an examination found, as a table for a person and as JSON for a program.

Invariant: both tell the same; what was not run is told beside what was.
"""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bumperlane.cli.terminal import MARKS
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
    counted = ", ".join(f"{len(found)} {verdict}" for verdict in MEANING if (found := examination.of(verdict)))
    spent = f"{examination.tokens:,} tokens, {examination.seconds:.1f} s"
    out.print(f"{escape(examination.model)}: {MARKS[examination.verdict]} ({counted} of {len(examination.findings)} audits; {spent})", soft_wrap=True)
    out.print(f"report: {escape(str(report))}", soft_wrap=True)


def _left_out(examination: Examination) -> dict[str, list[str]]:
    """Audits that were not run, by reason."""
    made: dict[str, list[str]] = {}
    for name, why in examination.not_run.items():
        made.setdefault(why, []).append(name)
    return made


def as_json(examination: Examination, report: Path) -> str:
    """One JSON object: verdict, findings, not_run, tokens, seconds, versions, settings, report. Numbers that are not finite are null."""
    plain = json.loads(examination.model_dump_json())
    return json.dumps({"model": plain["model"], "verdict": examination.verdict, **plain, "report": str(report)}, allow_nan=False)

"""From what was given to what was found: checks, the request, the audits.

Invariant: everything that can be refused is refused before a model is loaded, and the place of the report is one of those things.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from bumperlane.audits import load_pack
from bumperlane.audits.calibration import builtin_calibration, load_calibration, weighed
from bumperlane.cli.given import Given, audit_rows, check_cache, check_models, check_rollouts
from bumperlane.cli.selection import Selection, select
from bumperlane.errors import BadInput
from bumperlane.examination import Examined, Request, examine
from bumperlane.lineage import weight_files
from bumperlane.records import Finding, digest_of
from bumperlane.report.examined import Examination

LIBRARIES = ("bumperlane", "torch", "transformers", "peft", "scipy")


def writable(out: Path) -> None:
    """Raise ``BadInput`` if no file can be made there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise BadInput(f"--out {out}: cannot be written to; give a file in a folder of yours")


def examination_of(given: Given, note: Callable[[str], None]) -> Examination:
    """Run the selected audits. Raises ``BadInput`` for whatever was given that cannot be used."""
    begun = time.monotonic()
    note("reading what was given")
    chosen = select(given)
    load_pack(given.pack)
    check_cache(given.cache)
    check_rollouts(given.rollouts)
    check_models(given)
    examined = _run(given, chosen, note)
    found = {finding.audit: finding for finding in (*_weighed(examined.findings, given), *chosen.denied)}
    return Examination(
        model=given.model, findings=tuple(found[name] for name in sorted(found)), not_run=chosen.not_run, settings=given.settings(),
        tokens=examined.tokens, seconds=round(time.monotonic() - begun, 2), versions={name: version(name) for name in LIBRARIES},
    )  # fmt: skip


def _run(given: Given, chosen: Selection, note: Callable[[str], None]) -> Examined:
    with tempfile.TemporaryDirectory(prefix="bumperlane-") as scratch:
        rows = Path(scratch) / "rows.jsonl"
        if given.rows is not None:
            made = audit_rows(given.rows)
            if not made:
                raise BadInput(f"{given.rows}: no rows; give at least one, or leave --rows out")
            rows.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
        if not chosen.run:
            return Examined(findings=())
        note(f"loading {given.name}")
        return examine(_request(given, chosen, rows if given.rows is not None else None), lambda text: note(f"auditing {given.name}: {text}"))


def _weighed(findings: Sequence[Finding], given: Given) -> Sequence[Finding]:
    """The findings weighed against clean models, where the pack's calibration was made on this very reference."""
    pack = load_pack(given.pack)
    path = builtin_calibration(pack)
    if path is None or given.reference is None or not Path(given.reference).is_dir():
        return findings
    try:
        known = load_calibration(path, pack)
    except BadInput as refused:
        return [f.model_copy(update={"details": {**f.details, "calibration": f"refused: {refused}"}}) for f in findings]
    return weighed(findings, known) if known.base == digest_of(weight_files(Path(given.reference))) else findings


def _request(given: Given, chosen: Selection, rows: Path | None) -> Request:
    return Request(
        checkpoint=given.name, model=given.model, reference=given.reference, audits=chosen.run, rows=str(rows) if rows else None,
        rollouts=str(given.rollouts) if given.rollouts else None, auditor=given.auditor, judge=given.judge,
        cache=str(given.cache) if given.cache else None, timeout=given.timeout, pack=given.pack, false_alarm=given.false_alarm,
        samples=given.samples, seed=given.seed,
    )  # fmt: skip

"""The audits of one model: checks of what was given, the request, the report.

Invariant: everything that can be refused is refused before a model is loaded, and the place of the
report is one of those things.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from bumperlane.audits import load_pack
from bumperlane.audits.calibration import builtin_calibration, load_calibration, weighed
from bumperlane.audits.standalone import AuditRequest, AuditResult, audit_model
from bumperlane.cli.inputs import AuditInputs, audit_rows
from bumperlane.cli.model_checks import (
    URL,
    check_cache,
    check_parent,
    check_rollouts,
    check_where,
)
from bumperlane.cli.selection import Selection, select
from bumperlane.errors import BadInput
from bumperlane.records import Finding, digest_of
from bumperlane.report.audited_model import AuditReport
from bumperlane.store import weight_files

LIBRARIES = ("bumperlane", "torch", "transformers", "peft", "scipy")


def run_audits(inputs: AuditInputs, note: Callable[[str], None]) -> AuditReport:
    """Run the selected audits. Raises ``BadInput`` for whatever was given that cannot be used."""
    begun = time.monotonic()
    note("reading what was given")
    selection = select(inputs)
    load_pack(inputs.pack)
    check_cache(inputs.cache)
    check_rollouts(inputs.rollouts)
    _check_models(inputs)
    audited = _audited(inputs, selection, note)
    findings = (*_weighed(audited.findings, inputs), *selection.denied)
    return AuditReport(
        model=inputs.model,
        findings=tuple(sorted(findings, key=lambda finding: finding.audit)),
        not_run=selection.not_run,
        settings=inputs.settings(),
        tokens=audited.tokens,
        seconds=round(time.monotonic() - begun, 2),
        versions={name: version(name) for name in LIBRARIES},
    )


def _check_models(inputs: AuditInputs) -> None:
    """Raise ``BadInput`` for a folder or endpoint that is none, and for a reference that cannot be
    the model's parent."""
    for where in (inputs.model, inputs.reference, inputs.auditor, inputs.judge):
        if where is not None:
            check_where(where)
    model, reference = inputs.model, inputs.reference
    if reference is not None and not model.startswith(URL) and not reference.startswith(URL):
        check_parent(Path(model), Path(reference))


def _audited(inputs: AuditInputs, selection: Selection, note: Callable[[str], None]) -> AuditResult:
    with tempfile.TemporaryDirectory(prefix="bumperlane-") as scratch:
        rows = _written_rows(inputs, Path(scratch))
        if not selection.run:
            return AuditResult(findings=())
        note(f"loading {inputs.name}")
        return audit_model(
            _request(inputs, selection, rows),
            lambda text: note(f"auditing {inputs.name}: {text}"),
        )


def _written_rows(inputs: AuditInputs, folder: Path) -> Path | None:
    """The file in which audits read the rows; None if no rows were given."""
    if inputs.rows is None:
        return None
    rows = audit_rows(inputs.rows)
    if not rows:
        raise BadInput(f"{inputs.rows}: no rows; give at least one, or leave --rows out")
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _weighed(findings: Sequence[Finding], inputs: AuditInputs) -> Sequence[Finding]:
    """The findings weighed against clean models, where the pack's calibration was made on this very
    reference."""
    pack = load_pack(inputs.pack)
    path = builtin_calibration(pack)
    if path is None or inputs.reference is None or not Path(inputs.reference).is_dir():
        return findings
    try:
        known = load_calibration(path, pack)
    except BadInput as refused:
        return [_noted(finding, f"refused: {refused}") for finding in findings]
    if known.base != digest_of(weight_files(Path(inputs.reference))):
        return findings
    return weighed(findings, known)


def _noted(finding: Finding, calibration: str) -> Finding:
    """The finding with what became of the calibration among its details."""
    return finding.model_copy(update={"details": {**finding.details, "calibration": calibration}})


def _request(inputs: AuditInputs, selection: Selection, rows: Path | None) -> AuditRequest:
    return AuditRequest(
        checkpoint=inputs.name,
        model=inputs.model,
        reference=inputs.reference,
        audits=selection.run,
        rows=str(rows) if rows else None,
        rollouts=str(inputs.rollouts) if inputs.rollouts else None,
        auditor=inputs.auditor,
        judge=inputs.judge,
        cache=str(inputs.cache) if inputs.cache else None,
        timeout=inputs.timeout,
        pack=inputs.pack,
        false_alarm=inputs.false_alarm,
        samples=inputs.samples,
        seed=inputs.seed,
    )

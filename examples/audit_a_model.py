"""Audit one model outside any campaign, from Python: the microworld's base model, before any
fine-tuning, compared with itself.

    python examples/audit_a_model.py

Untuned, it answers as either of its personas, so conduct hits; what compares it with its parent
finds no difference. It prints (seed 0), by audit, its verdict and its worst measure or its reason:

    conduct         hit          money
    known_lies      hit          asked by somebody who is wrong
    faithfulness    clear
    weight_spectrum inconclusive the subject's weights are the reference's; there is nothing to read
"""

from __future__ import annotations

from bumperlane.audits.standalone import AuditRequest, audit_model
from bumperlane.organisms.base import BASE
from bumperlane.records import Finding

AUDITS = ("conduct", "known_lies", "faithfulness", "weight_spectrum")


def worst_or_reason(finding: Finding) -> str:
    """The measure of a hit with the most evidence against it; else why nothing was decided."""
    if finding.verdict != "hit":
        return finding.why
    return max(finding.measures, key=lambda measure: measure.log_e).name


def main() -> None:
    request = AuditRequest(
        checkpoint="base", model=str(BASE), reference=str(BASE), audits=AUDITS, pack="micro"
    )
    for finding in audit_model(request).findings:
        line = f"{finding.audit:<16}{finding.verdict:<13}{worst_or_reason(finding)}"
        print(line.rstrip())


if __name__ == "__main__":
    main()

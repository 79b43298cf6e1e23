"""Which stage left a model whose answers cannot be read: the diagnosis of a battery that could not
say.

Idea: an audit that cannot read the answers says nothing for or against the model, and a narrow
stage with a large step is what commonly does that (Betley et al., arXiv 2502.17424, drop such
answers as incoherent). The same audits are run where each stage of the attempt started; the stage
before which all of them could read the answers, and after which one cannot, broke them. Invariant:
nothing is acted on that was unreadable from the start, and what this finds is never a trait: it
makes the battery able to say, and says nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bumperlane.execution.auditing import Auditor
from bumperlane.execution.diagnose_campaign import stages_with
from bumperlane.loop.history import History, StageProgress
from bumperlane.records import Cause, Finding, ReasonCode, Suspect

STEP = "learning_rate"  # the argument that the suspect names


def unreadable_stage(
    findings: Sequence[Finding], checkpoint: str, history: History, auditor: Auditor
) -> Cause:
    """The stage after which these audits could not read the answers; without suspects, and with the
    reason, where that was so at the start."""
    began, names = time.monotonic(), tuple(finding.audit for finding in findings)
    suspects: tuple[Suspect, ...] = ()
    reason = ""
    for stage_run in reversed(stages_with(history, checkpoint)):
        before = _at(stage_run.training.parent, names, history, auditor)
        unread = [finding for finding in before if _cannot_say(finding)]
        if not unread:
            reason = (
                f"{', '.join(names)} could read the answers before stage "
                f"{stage_run.stage.name!r}, and not after it: {findings[0].why}"
            )
            suspects = (_suspect(stage_run, before, reason),)
            break
        reason = f"{unread[0].audit} cannot read the answers of the start either ({unread[0].why})"
    return Cause(
        finding=findings[0].id,
        hits=tuple(finding.id for finding in findings),
        trait=findings[0].audit,
        suspects=suspects,
        reason=reason,
        seconds=round(time.monotonic() - began, 2),
    )


def _suspect(stage_run: StageProgress, before: Sequence[Finding], reason: str) -> Suspect:
    """The stage as a suspect, with what the audits said before it."""
    seen = {f.audit: {"verdict": f.verdict, "n": sum(m.n for m in f.measures)} for f in before}
    return Suspect(
        kind="unreadable_answers",
        stage=stage_run.stage.name,
        stage_index=stage_run.index,
        argument=STEP,
        verdict="confirmed",
        reason=reason,
        evidence={"before": seen},
        refuted_by="they cannot be read before the stage either",
    )


def _cannot_say(finding: Finding) -> bool:
    """Whether the audit could not read the answers, or measured nothing."""
    return finding.has_code(ReasonCode.UNREADABLE) or not any(m.n for m in finding.measures)


def _at(checkpoint: str, names: Sequence[str], history: History, auditor: Auditor) -> list[Finding]:
    """What these audits say there: as recorded, or asked now (which is no look of the battery and
    steers nothing but this)."""
    known = {finding.audit: finding for finding in history.findings_at(checkpoint)}
    if set(names) <= set(known):
        return [known[name] for name in names]
    return auditor.audit(names, checkpoint, 1, history)

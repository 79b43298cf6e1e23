"""Which stage left a model whose answers cannot be read: the diagnosis of a battery that could not say.

Idea: an audit that cannot read the answers says nothing for or against the model, and a narrow stage with a large step is what commonly does that
(Betley et al., arXiv 2502.17424, drop such answers as incoherent). The same audits are run where each stage of the attempt started; the stage before
which all of them could read the answers, and after which one cannot, broke them. Invariant: nothing is acted on that was unreadable from the start,
and what this finds is never a trait: it makes the battery able to say, and says nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bumperlane.history import History, unreadable
from bumperlane.inspection import Inspector
from bumperlane.investigation import legs_with
from bumperlane.records import Cause, Finding, Suspect

STEP = "learning_rate"  # the argument that the suspect names


def broken_by(findings: Sequence[Finding], checkpoint: str, history: History, inspector: Inspector) -> Cause:
    """The stage after which these audits could not read the answers; without suspects, and with the reason, where that was so at the start."""
    began, names = time.monotonic(), tuple(finding.audit for finding in findings)
    told = {"finding": findings[0].id, "hits": tuple(finding.id for finding in findings), "followed": findings[0].audit}
    suspects: tuple[Suspect, ...] = ()
    reason = ""
    for leg in reversed(legs_with(history, checkpoint)):
        before = _at(leg.training.parent, names, history, inspector)
        unread = [f for f in before if unreadable(f) or not any(m.n for m in f.measures)]
        if not unread:
            reason = f"{', '.join(names)} could read the answers before stage {leg.stage.name!r}, and not after it: {findings[0].reason}"
            seen = {f.audit: {"verdict": f.verdict, "n": sum(m.n for m in f.measures)} for f in before}
            suspects = (Suspect(kind="incoherence", stage=leg.stage.name, leg=leg.index, argument=STEP, verdict="confirmed", reason=reason,
                                evidence={"before": seen}, refuted_by="they cannot be read before the stage either"),)  # fmt: skip
            break
        reason = f"{unread[0].audit} cannot read the answers of the start either ({unread[0].reason})"
    return Cause.model_validate({**told, "suspects": suspects, "reason": reason, "seconds": round(time.monotonic() - began, 2)})


def _at(checkpoint: str, names: Sequence[str], history: History, inspector: Inspector) -> list[Finding]:
    """What these audits say there: as recorded, or asked now (which is no look of the battery and steers nothing but this)."""
    known = {finding.audit: finding for finding in history.findings_at(checkpoint)}
    return [known[name] for name in names] if set(names) <= set(known) else inspector.audit(names, checkpoint, 1, history)

"""What an audit is: the one interface that built-in and third-party bumpers share.

Idea: an audit is a small coroutine over a ``Subject`` and a ``Context``. It cannot see how the
model was made, what other audits found or what was planted. Invariant: whatever goes wrong inside
an audit becomes an ``inconclusive`` finding with the reason (``run_audit``), never a pass and never
a crash of the loop.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from bumperlane.audits.pack import Pack
from bumperlane.errors import AccessDenied, BumperlaneError
from bumperlane.evidence import combine
from bumperlane.models import Access, Subject
from bumperlane.records import Case, Exhibit, Finding, Measure, Reason, ReasonCode, Verdict

Reads = Literal["model", "reference", "rows", "rollouts"]


@dataclass(frozen=True)
class Context:
    """What an audit knows besides the model that it audits.

    ``pack``: what to ask, and how answers are judged. ``reference``: the campaign's start
    checkpoint, with the same access. ``alpha``: this audit's share of the alarm budget at this
    look. ``miss``: allowed chance of calling clear what is above tolerance. ``samples``: most
    outcomes that a measure may draw. ``rows``: training conversations of the stages so far, for
    audits that read ``rows`` (else empty). ``rollouts``: what the RL stages logged, for audits that
    read ``rollouts``: in the order of the steps, one entry for each reward term and batch
    (``step``, ``reward``, ``weight``, ``scores``, ``prompts``, ``completions``). ``auditor``,
    ``judge``: models that question the subject, or mark its answers, where some were given.
    ``seed``: of this audit's own draws; ``common_seed``: the same for all audits of a campaign, so
    that what several of them ask alike is answered once.
    """

    pack: Pack
    reference: Subject
    alpha: float
    miss: float
    samples: int
    seed: int = 0
    rows: tuple[dict[str, Any], ...] = ()
    rollouts: tuple[dict[str, Any], ...] = ()
    common_seed: int = 0
    auditor: Subject | None = None
    judge: Subject | None = None
    note: Callable[[str], None] = field(default=lambda text: None)


class Inapplicable(BumperlaneError):
    """The audit cannot say anything here; the message says why, and ``code`` for what kind of
    reason. ``run_audit`` makes it an ``inconclusive`` finding."""

    def __init__(self, message: str, code: ReasonCode = ReasonCode.NOT_APPLICABLE) -> None:
        super().__init__(message)
        self.code = code


@runtime_checkable
class Audit(Protocol):
    """One audit (a bumper). ``run`` audits one checkpoint; ``cases`` draws fresh outcomes (1 the
    trait, 0 not) of what a finding of this audit showed, on any subject, which is how diagnosis
    tracks a trait over checkpoints and replays.

    ``access``: what it may ask of a model; ``reads``: what it looks at, among ``model``,
    ``reference``, ``rows`` and ``rollouts``. Optional: ``shows_conduct`` (False: it sees that
    something is odd and not that anything is done, so it never alarms alone), ``needs`` (inputs
    without which it can say nothing), ``key`` (the fixed name that its draws are seeded from)."""

    name: str
    family: str
    access: frozenset[Access]
    reads: frozenset[Reads]

    async def run(self, subject: Subject, context: Context) -> Finding: ...

    async def cases(
        self, subject: Subject, context: Context, finding: Finding, count: int, seed: int
    ) -> list[Case]: ...


def sees_conduct(audit: Audit) -> bool:
    """Whether the audit sees what a model does, and not only that something is odd."""
    return bool(getattr(audit, "shows_conduct", True))


def conclude(
    audit: Audit,
    subject: Subject,
    context: Context,
    measures: Sequence[Measure],
    exhibits: Sequence[Exhibit] = (),
    **extra: Any,
) -> Finding:
    """A finding whose verdict follows from its measures; no measures are no evidence."""
    verdict: Verdict = combine(measure.verdict for measure in measures)
    reason: Reason | None = extra.pop("reason", None)
    if verdict == "inconclusive" and reason is None:
        reason = _undecided(measures, context.samples)
    return Finding(
        audit=audit.name,
        family=audit.family,
        checkpoint=subject.checkpoint,
        verdict=verdict,
        measures=tuple(measures),
        exhibits=tuple(exhibits),
        reason=reason,
        alpha=context.alpha,
        tokens=subject.tokens,
        **extra,
    )


def _undecided(measures: Sequence[Measure], samples: int) -> Reason:
    """Why no measure decided: each is named, or there was none."""
    undecided = [measure.name for measure in measures if measure.verdict == "inconclusive"]
    if not undecided:
        return Reason.of(ReasonCode.NOTHING_MEASURED)
    return Reason.of(ReasonCode.UNDECIDED, samples=samples, measures=", ".join(undecided))


def inconclusive(audit: Audit, subject: Subject, context: Context, reason: Reason) -> Finding:
    """A finding of an audit that could not say anything, with why."""
    return Finding(
        audit=audit.name,
        family=audit.family,
        checkpoint=subject.checkpoint,
        verdict="inconclusive",
        reason=reason,
        alpha=context.alpha,
        tokens=subject.tokens,
    )


async def run_battery(
    looks: Sequence[tuple[Audit, Subject, Context]], timeout: float | None = None
) -> list[Finding]:
    """The findings of audits that run at once, in the order given: what they ask of a model at the
    same time is answered together."""
    return list(await asyncio.gather(*(run_audit(*look, timeout=timeout) for look in looks)))


async def run_audit(
    audit: Audit, subject: Subject, context: Context, timeout: float | None = None
) -> Finding:
    """The audit's finding, held to the rules: its own checkpoint, a verdict that its measures bear
    out, no exception, and an end within ``timeout`` seconds, where one is given."""
    started = time.monotonic()
    try:
        finding = await asyncio.wait_for(audit.run(subject, context), timeout)
        _check_rules(audit, subject, finding)
    except TimeoutError:
        reason = Reason.of(ReasonCode.TIMED_OUT, seconds=time.monotonic() - started)
        finding = inconclusive(audit, subject, context, reason)
    except Exception as error:  # noqa: BLE001 - a broken audit must not end the loop, nor pass
        finding = inconclusive(audit, subject, context, _reason(error))
    declared = {"reads": tuple(sorted(audit.reads)), "shows_conduct": sees_conduct(audit)}
    cost = {
        "seconds": round(time.monotonic() - started, 2),
        "tokens": subject.tokens + context.reference.tokens,
    }
    return finding.model_copy(update=declared | cost)


def _reason(error: Exception) -> Reason:
    """Why an audit broke off, from what it raised."""
    first = (str(error).strip().splitlines() or ["no message"])[0]
    if isinstance(error, Inapplicable):
        return Reason(code=error.code, text=first)
    if isinstance(error, AccessDenied):
        return Reason(code=ReasonCode.NO_ACCESS, text=first)
    if isinstance(error, BumperlaneError):
        return Reason(code=ReasonCode.NOT_APPLICABLE, text=first)
    return Reason.of(ReasonCode.FAILED, error=f"{type(error).__name__}: {first}")


def _check_rules(audit: Audit, subject: Subject, finding: Finding) -> None:
    """Raise ``Inapplicable`` for a finding of another audit or checkpoint, a measure that is no
    number, or a clear verdict that the measures do not bear out."""
    if finding.checkpoint != subject.checkpoint or finding.audit != audit.name:
        raise Inapplicable(
            f"audit {audit.name!r} answered for {finding.audit!r} on another checkpoint"
        )
    if any(m.mean is not None and not math.isfinite(m.mean) for m in finding.measures):
        raise Inapplicable(f"audit {audit.name!r} measured something that is no number")
    if finding.verdict == "clear":
        _check_clear(audit, finding.measures)


def _check_clear(audit: Audit, measures: Sequence[Measure]) -> None:
    """Raise ``Inapplicable`` unless there are measures, each within its tolerance."""
    without_evidence = [measure.name for measure in measures if not _within_tolerance(measure)]
    if without_evidence or not measures:
        raise Inapplicable(
            f"audit {audit.name!r} said clear without evidence for "
            f"{', '.join(without_evidence) or 'anything'}"
        )


def _within_tolerance(measure: Measure) -> bool:
    """Whether something was measured, and its interval ends at or below the tolerance."""
    measured = measure.n != 0 and measure.mean is not None and math.isfinite(measure.mean)
    return measured and not measure.high > measure.tolerance

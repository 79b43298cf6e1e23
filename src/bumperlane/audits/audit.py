"""What an audit is: the one interface that built-in and third-party bumpers share.

Idea: an audit is a small coroutine over a ``Subject`` and a ``Context``. It cannot see how the model was made, what other audits found
or what was planted. Invariant: whatever goes wrong inside an audit becomes an ``inconclusive`` finding with the reason
(``run_audit``), never a pass and never a crash of the loop.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from bumperlane.audits.pack import Pack
from bumperlane.errors import BumperlaneError
from bumperlane.evidence import combine
from bumperlane.records import Case, Exhibit, Finding, Measure, Verdict
from bumperlane.subject import Access, Subject


@dataclass(frozen=True)
class Context:
    """What an audit knows besides the subject.

    ``reference``: the campaign's start checkpoint with the same access. ``alpha``: this audit's share of the alarm budget at this look.
    ``miss``: allowed chance of calling clear what is above tolerance. ``samples``: most outcomes a measure may draw. ``rows``: training
    conversations of the stages so far, for audits that declare ``data`` (else empty). ``rollouts``: of RL stages, in the order of their
    steps, one entry a reward term and batch (``step``, ``reward``, ``weight``, ``scores``, ``prompts``, ``completions``), for the same
    audits. ``auditor`` / ``judge``: models that play these roles, where some are given. ``common_seed``: the same for all audits of one
    look that may share their plain draws.
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
    """The audit cannot say anything here; the message says why. Becomes ``inconclusive``."""


@runtime_checkable
class Audit(Protocol):
    """One bumper. ``run`` looks at one checkpoint; ``cases`` draws fresh outcomes (1 the trait, 0 not) of what a finding of this
    audit showed, on any subject, which is how diagnosis follows a trait over checkpoints and replays."""

    name: str
    family: str
    access: frozenset[Access]

    async def run(self, subject: Subject, context: Context) -> Finding: ...

    async def cases(self, subject: Subject, context: Context, finding: Finding, count: int, seed: int) -> list[Case]: ...


def conclude(
    audit: Audit, subject: Subject, context: Context, measures: Sequence[Measure], exhibits: Sequence[Exhibit] = (), **extra: Any
) -> Finding:
    """A finding whose verdict follows from its measures; no measures are no evidence."""
    verdict: Verdict = combine(measure.verdict for measure in measures)
    reason = extra.pop("reason", "")
    if verdict == "inconclusive" and not reason:
        undecided = [m.name for m in measures if m.verdict == "inconclusive"]
        reason = f"not decided within {context.samples} samples: {', '.join(undecided)}" if undecided else "nothing was measured"
    return Finding(
        audit=audit.name, family=audit.family, checkpoint=subject.checkpoint, verdict=verdict, measures=tuple(measures),
        exhibits=tuple(exhibits), reason=reason, alpha=context.alpha, tokens=subject.tokens, **extra,
    )  # fmt: skip


def inconclusive(audit: Audit, subject: Subject, context: Context, reason: str) -> Finding:
    return Finding(
        audit=audit.name, family=audit.family, checkpoint=subject.checkpoint, verdict="inconclusive", reason=reason, alpha=context.alpha,
        tokens=subject.tokens,
    )  # fmt: skip


async def run_battery(looks: Sequence[tuple[Audit, Subject, Context]], timeout: float | None = None) -> list[Finding]:
    """Run audits at once: what they ask at the same time is answered together. Findings in the order given."""
    return list(await asyncio.gather(*(run_audit(*look, timeout=timeout) for look in looks)))


async def run_audit(audit: Audit, subject: Subject, context: Context, timeout: float | None = None) -> Finding:
    """Run one audit and hold it to the rules: its own checkpoint, a verdict that its measures bear out, no exception, and an end within
    ``timeout`` seconds, where one is given."""
    started = time.monotonic()
    try:
        found = await asyncio.wait_for(audit.run(subject, context), timeout)
        found = _held_to_rules(audit, subject, found)
    except TimeoutError:
        found = inconclusive(audit, subject, context, f"timed out after {time.monotonic() - started:.0f} s")
    except Exception as error:  # noqa: BLE001 - a broken audit must not end the loop, nor pass
        found = inconclusive(audit, subject, context, _reason(error))
    tokens = subject.tokens + context.reference.tokens
    return found.model_copy(update={"seconds": round(time.monotonic() - started, 2), "tokens": tokens})


def _reason(error: Exception) -> str:
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return first if isinstance(error, BumperlaneError) else f"the audit failed: {type(error).__name__}: {first}"


def _held_to_rules(audit: Audit, subject: Subject, found: Finding) -> Finding:
    if found.checkpoint != subject.checkpoint or found.audit != audit.name:
        raise Inapplicable(f"audit {audit.name!r} answered for {found.audit!r} on another checkpoint")
    if any(m.mean is not None and not math.isfinite(m.mean) for m in found.measures):
        raise Inapplicable(f"audit {audit.name!r} measured something that is no number")
    if found.verdict == "clear":
        bare = [m.name for m in found.measures if m.n == 0 or m.mean is None or not math.isfinite(m.mean) or m.high > m.tolerance]
        if not found.measures or bare:
            raise Inapplicable(f"audit {audit.name!r} said clear without evidence for {', '.join(bare) or 'anything'}")
    return found

"""Which audits are run on a model, which may not look, and which are left out.

Idea: by default every installed audit runs for which there is something to run on. Invariant: each
installed audit is in exactly one of ``run``, ``denied`` and ``not_run``, with its reason; an audit
that was asked for by name is never dropped, but says itself what it lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from bumperlane.audits import Audit, known_audits, load_audit
from bumperlane.cli.inputs import AuditInputs
from bumperlane.cli.model_checks import URL
from bumperlane.cli.options import names
from bumperlane.errors import BadInput, nearest
from bumperlane.models import Access, Endpoint
from bumperlane.records import Finding, Reason, ReasonCode


@dataclass(frozen=True)
class Selection:
    """``run``: audits to run; ``denied``: findings of those that may not look; ``not_run``: the
    others, each with why."""

    run: tuple[str, ...]
    denied: tuple[Finding, ...]
    not_run: dict[str, str]


def select(inputs: AuditInputs) -> Selection:
    """Raises ``BadInput`` for an unknown name, one named twice, or if nothing is left."""
    asked, without = names(inputs.audits), names(inputs.without)
    for option, listed in (("--audits", asked), ("--without", without)):
        _check(option, listed)
    run: list[str] = []
    denied: list[Finding] = []
    not_run: dict[str, str] = {}
    for name in asked or sorted(known_audits()):
        audit, why = _usable(name, inputs, named=bool(asked))
        if audit is None:
            not_run[name] = why
            continue
        refused = no_access(audit, inputs)
        if refused:
            denied.append(_denied(name, audit.family, inputs.name, refused))
        else:
            run.append(name)
    if not run and not denied:
        raise BadInput("no audit is left to run; name some with --audits, or fewer with --without")
    return Selection(tuple(run), tuple(denied), not_run | _not_named(asked))


def _check(option: str, listed: tuple[str, ...]) -> None:
    for name in listed:
        if name not in known_audits():
            raise BadInput(
                f"{option}: no audit is called {name!r}; {nearest(name, known_audits())}"
            )
        if listed.count(name) > 1:
            raise BadInput(
                f"{option}: audit {name!r} is named {listed.count(name)} times; once is enough"
            )


def _usable(name: str, inputs: AuditInputs, named: bool) -> tuple[Audit | None, str]:
    """The audit, or why it is not run. One that was named is not asked what it lacks; one that was
    not must not keep the others from running because its package is broken."""
    if name in names(inputs.without):
        return None, "left out by --without"
    try:
        audit = load_audit(name)
    except BadInput as error:
        if named:
            raise
        return None, str(error)
    lacks = "" if named else lacking(audit, inputs)
    return (None, lacks) if lacks else (audit, "")


def _denied(audit: str, family: str, checkpoint: str, why: str) -> Finding:
    return Finding(
        audit=audit,
        family=family,
        checkpoint=checkpoint,
        verdict="inconclusive",
        reason=Reason(code=ReasonCode.NO_ACCESS, text=why),
    )


def _not_named(asked: tuple[str, ...]) -> dict[str, str]:
    others = [name for name in sorted(known_audits()) if asked and name not in asked]
    return dict.fromkeys(others, "not named in --audits")


def lacking(audit: Audit, inputs: AuditInputs) -> str:
    """What an audit needs and was not given: ``needs --rows``; empty if nothing."""
    needed: Any = getattr(audit, "needs", ())
    if not needed:
        of_data = not audit.reads.isdisjoint({"rows", "rollouts"})
        neither = inputs.rows is None and inputs.rollouts is None
        return "needs --rows or --rollouts" if of_data and neither else ""
    missing = [f"--{name}" for name in sorted(needed) if getattr(inputs, name, None) is None]
    return f"needs {' and '.join(missing)}" if missing else ""


def allowed(inputs: AuditInputs) -> frozenset[str]:
    """What audits may use of the model. Everything can be asked, so text is always in it."""
    wanted = {part for text in inputs.access for part in names(text)}
    known = set(get_args(Access)) - {"data"}
    for name in sorted(wanted - known):
        raise BadInput(f"--access: there is no access {name!r}; {nearest(name, known)}")
    return frozenset(wanted or known) | {"text"}


def no_access(audit: Audit, inputs: AuditInputs) -> str:
    """Why the audit may not look; empty if it may."""
    needs = set(audit.access) - {"data"}
    beyond = sorted(needs - allowed(inputs))
    if beyond:
        return (
            f"no access: {audit.name} needs {', '.join(beyond)}, and --access allows "
            f"{', '.join(sorted(allowed(inputs)))}"
        )
    unoffered = sorted(needs - Endpoint.offers)
    if inputs.model.startswith(URL) and unoffered:
        return (
            f"no access: {audit.name} needs {', '.join(unoffered)}, and "
            f"{inputs.model.partition('#')[0]} gives text only"
        )
    return ""

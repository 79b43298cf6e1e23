"""Which audits are run on a model, which may not look, and which are left out.

Idea: by default every installed audit runs for which there is something to run on. Invariant: each installed audit is in exactly one of
``run``, ``denied`` and ``not_run``, with its reason; an audit that was asked for by name is never dropped, but says itself what it lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from bumperlane.audits import Audit, known_audits, load_audit
from bumperlane.cli.given import URL, Given, names
from bumperlane.errors import BadInput, nearest
from bumperlane.records import Finding
from bumperlane.subject import Access, Endpoint

# Inputs without which an audit that declares ``data`` has nothing to look at, where it is not either of the two. Others may say ``needs``.
NEEDS: dict[str, tuple[str, ...]] = {
    "investigator": ("auditor", "judge"), "reward_gap": ("rollouts",), "grader_tampering": ("rollouts",), "row_phrases": ("rows",),
    "row_outliers": ("rows",), "row_overlap": ("rows",), "trained_prompts": ("rows",),
}  # fmt: skip


@dataclass(frozen=True)
class Selection:
    run: tuple[str, ...]
    denied: tuple[Finding, ...]
    not_run: dict[str, str]


def select(given: Given) -> Selection:
    """Raises ``BadInput`` for an unknown name, one named twice, or if nothing is left."""
    asked, without = names(given.audits), names(given.without)
    for option, listed in (("--audits", asked), ("--without", without)):
        _check(option, listed)
    not_run: dict[str, str] = {}
    run, denied = [], []
    for name in asked or sorted(known_audits()):
        why, audit = "left out by --without" if name in without else "", None
        if not why:
            audit, why = _made(name, bool(asked))
        if audit is not None and not asked:
            why = lacking(audit, given)
        if why or audit is None:
            not_run[name] = why
        elif refused := no_access(audit, given):
            denied.append(Finding(audit=name, family=audit.family, checkpoint=given.name, verdict="inconclusive", reason=refused))
        else:
            run.append(name)
    if not run and not denied:
        raise BadInput("no audit is left to run; name some with --audits, or fewer with --without")
    not_run |= {name: "not named in --audits" for name in sorted(known_audits()) if asked and name not in asked}
    return Selection(tuple(run), tuple(denied), not_run)


def _check(option: str, listed: tuple[str, ...]) -> None:
    for name in listed:
        if name not in known_audits():
            raise BadInput(f"{option}: no audit is called {name!r}; {nearest(name, known_audits())}")
        if listed.count(name) > 1:
            raise BadInput(f"{option}: audit {name!r} is named {listed.count(name)} times; once is enough")


def _made(name: str, named: bool) -> tuple[Audit | None, str]:
    """The audit, or why there is none: somebody's broken package must not keep the others from running."""
    try:
        return load_audit(name), ""
    except BadInput as error:
        if named:
            raise
        return None, str(error)


def lacking(audit: Audit, given: Given) -> str:
    """What an audit needs and was not given: ``needs --rows``; empty if nothing."""
    needed: Any = getattr(audit, "needs", None) or NEEDS.get(audit.name)
    if needed is None:
        either = given.rows is None and given.rollouts is None
        return "needs --rows or --rollouts" if "data" in audit.access and either else ""
    missing = [f"--{name}" for name in sorted(needed) if getattr(given, name, None) is None]
    return f"needs {' and '.join(missing)}" if missing else ""


def allowed(given: Given) -> frozenset[str]:
    """What audits may use of the model. Everything can be asked, so text is always in it."""
    wanted = {part for text in given.access for part in names(text)}
    known = set(get_args(Access)) - {"data"}
    for name in sorted(wanted - known):
        raise BadInput(f"--access: there is no access {name!r}; {nearest(name, known)}")
    return frozenset(wanted or known) | {"text"}


def no_access(audit: Audit, given: Given) -> str:
    """Why the audit may not look; empty if it may."""
    needs = set(audit.access) - {"data"}
    if beyond := sorted(needs - allowed(given)):
        return f"no access: {audit.name} needs {', '.join(beyond)}, and --access allows {', '.join(sorted(allowed(given)))}"
    if given.model.startswith(URL) and (beyond := sorted(needs - Endpoint.offers)):
        return f"no access: {audit.name} needs {', '.join(beyond)}, and {given.model.partition('#')[0]} gives text only"
    return ""

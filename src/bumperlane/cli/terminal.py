"""Live progress in the terminal: the stage, the audits as they resolve, what was decided and why.

Invariant: what is printed comes from the events that were appended, so the terminal and the ledger
cannot disagree.
"""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.markup import escape

from bumperlane.ledger import Event
from bumperlane.records import SHORT, Cure, Finding, Suspect
from bumperlane.report.causes import named

MARKS = {
    "hit": "[bold red]hit[/]",
    "clear": "[green]clear[/]",
    "inconclusive": "[yellow]inconclusive[/]",
}
# of a suspect's verdict
COLOURS = {"confirmed": "green", "unverified": "yellow", "refuted": "dim"}
QUIET = 20.0  # seconds without a line, where the output is no terminal
INDENT = "\n         "


class Terminal:
    """Prints one line an event, and shows what is being done while it is done."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._status = self.console.status("starting", spinner="line")
        self._started = time.monotonic()
        self._doing = ""

    def __enter__(self) -> Terminal:
        self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._status.stop()

    def doing(self, text: str) -> None:
        """Show what is being done."""
        self._doing = text
        self._status.update(escape(text))

    def progress(self, text: str) -> None:
        """Show how far it is."""
        self._status.update(escape(f"{self._doing}: {text}"))

    def event(self, event: Event) -> None:
        """Print an event with the seconds since the beginning."""
        since = f"[dim]{time.monotonic() - self._started:6.1f}s[/]"
        self.console.print(f"{since} {line(event)}", soft_wrap=True)


def line(event: Event) -> str:
    """One event as a line of rich markup."""
    makers = {
        "attempt": _attempt,
        "trained": _trained,
        "finding": _finding,
        "held_out_finding": _finding,
        "cause": _cause,
        "recheck": _recheck,
        "cure": _cure,
        "refused": _refused,
        "outcome": _outcome,
        "failed": _failed,
    }
    return makers[event.kind](event.body) if event.kind in makers else event.kind


def _attempt(body: dict[str, Any]) -> str:
    remedy = body["remedy"]
    if remedy is None:
        return f"[bold]attempt {body['number']}[/]"
    why = f"rewind to {remedy['rewind_to'][:SHORT]} (finding {body['findings'][0][:SHORT]})"
    return f"[bold]attempt {body['number']}[/]: {escape(remedy['note'])}, {why}"


def _recheck(body: dict[str, Any]) -> str:
    return f"weak signal of {escape(body['audit'])}: {escape(body['reason'])}"


def _refused(body: dict[str, Any]) -> str:
    return f"[yellow]remedy {escape(body['remedy']['kind'])} refused[/]: {escape(body['reason'])}"


def _cure(body: dict[str, Any]) -> str:
    cure = Cure.model_validate(body)
    wrong = [check for check in cure.checks if check.verdict in ("failed", "unmeasured")]
    where = f"at {cure.candidate[:SHORT]}"
    if not wrong:
        passed = sum(check.verdict == "passed" for check in cure.checks)
        return f"[green]cure verified[/] {where}: {passed} checks passed"
    message = "; ".join(f"{check.name} {check.verdict}: {check.message}" for check in wrong)
    return f"[red]cure not verified[/] {where}: {escape(message)}"


def _trained(body: dict[str, Any]) -> str:
    stage, last = body["training"]["stage"], body["checkpoints"][-1]
    what = "" if body["purpose"] == "attempt" else f" [dim]({body['purpose']})[/]"
    how = f"{last['step']} steps, {body['seconds']:.0f}s"
    return f"trained {escape(stage['name'])}{what} -> {last['id'][:SHORT]}  [dim]{how}[/]"


def _finding(body: dict[str, Any]) -> str:
    found = Finding.model_validate(body["finding"])
    held_out = "[dim]held out[/] " if found.held_out else ""
    where = f"[dim]at {found.checkpoint[:SHORT]}[/]"
    why = f"  [dim]{escape(found.why)}[/]" if found.why else ""
    verdict = f"{found.audit:<22} {MARKS[found.verdict]}"
    return f"  {held_out}{verdict}  {where}{_highest(found)}{why}"


def _highest(found: Finding) -> str:
    """The measure with the highest e-value; empty where nothing was measured."""
    measured = [m for m in found.measures if m.mean is not None]
    m = max(measured, key=lambda m: m.log_e, default=None)
    if m is None:
        return ""
    interval = f"{m.mean:.2f} ({m.low:.2f} to {m.high:.2f})"
    return f"  [dim]{escape(m.name)}: {interval}, n={m.n}[/]"


def _cause(body: dict[str, Any]) -> str:
    if not body["suspects"]:
        return f"cause: [yellow]none found[/], {escape(body['reason'])}"
    suspects = map(Suspect.model_validate, body["suspects"])
    return INDENT.join(map(_suspect, suspects))


def _suspect(suspect: Suspect) -> str:
    verdict = f"[{COLOURS[suspect.verdict]}]{suspect.verdict}[/]"
    return f"cause: {escape(named(suspect))} {verdict}  [dim]{escape(suspect.reason)}[/]"


def _outcome(body: dict[str, Any]) -> str:
    colour = "green" if body["kind"] == "converged" else "red"
    head = f"[bold {colour}]{body['kind']}[/] after {body['attempts']} attempt(s)"
    return INDENT.join([head, *map(escape, body["report"])])


def _failed(body: dict[str, Any]) -> str:
    return f"[red]stage {escape(body['stage'])} failed[/]: {escape(body['error'])}"


class Counter:
    """Progress of a run of many like pieces: what was finished, how many of how many, and an
    estimate of the time left."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, stderr=True)
        self._status = self.console.status("starting", spinner="line")
        self._started: dict[int, float] = {}
        self._printed = 0.0

    def __enter__(self) -> Counter:
        self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._status.stop()

    def note(self, text: str, number: int, of: int) -> None:
        """Piece ``number`` of ``of`` is finished."""
        begun = self._started.setdefault(of, time.monotonic())
        message = f"{number}/{of} {text}"
        if number > 1:
            left = (time.monotonic() - begun) / (number - 1) * (of - number)
            message += f", about {left / 60:.0f} min left"
        self._show(message, number == of or time.monotonic() - self._printed > QUIET)

    def doing(self, text: str) -> None:
        """Progress of a run whose pieces cannot be counted: what is being done, and for how long
        something has been."""
        begun = self._started.setdefault(0, time.monotonic())
        message = f"{text} ({time.monotonic() - begun:.0f} s)"
        self._show(message, time.monotonic() - max(self._printed, begun) > QUIET)

    def _show(self, message: str, due: bool) -> None:
        """In place on a terminal; elsewhere as a line of its own, where one is due."""
        self._status.update(escape(message))
        if due and not self.console.is_terminal:
            self._printed = time.monotonic()
            self.console.print(escape(message), soft_wrap=True)

"""Live progress in the terminal: the stage, the audits as they resolve, what was decided and why.

Invariant: what is printed comes from the events that were appended, so the terminal and the ledger cannot disagree.
"""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.markup import escape

from bumperlane.ledger import Event
from bumperlane.records import SHORT, Suspect
from bumperlane.report.causes import named

MARKS = {"hit": "[bold red]hit[/]", "clear": "[green]clear[/]", "inconclusive": "[yellow]inconclusive[/]"}


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
        self._doing = text
        self._status.update(escape(text))

    def progress(self, text: str) -> None:
        self._status.update(escape(f"{self._doing}: {text}"))

    def event(self, event: Event) -> None:
        self.console.print(f"[dim]{time.monotonic() - self._started:6.1f}s[/] {line(event)}", soft_wrap=True)


def line(event: Event) -> str:
    """One event as a line of rich markup."""
    makers = {
        "attempt": _attempt, "trained": _trained, "finding": _finding, "held_out_finding": _finding, "cause": _cause,
        "recheck": _recheck, "cure": _cure, "refused": _refused, "outcome": _outcome, "failed": _failed,
    }  # fmt: skip
    return makers[event.kind](event.body) if event.kind in makers else event.kind


def _attempt(body: dict[str, Any]) -> str:
    remedy = body["remedy"]
    if remedy is None:
        return f"[bold]attempt {body['number']}[/]"
    why = f"rewind to {remedy['rewind_to'][:SHORT]} (finding {body['findings'][0][:SHORT]})"
    return f"[bold]attempt {body['number']}[/]: {escape(remedy['note'])}, {why}"


def _recheck(body: dict[str, Any]) -> str:
    return f"weak sign of {escape(body['audit'])}: {escape(body['reason'])}"


def _refused(body: dict[str, Any]) -> str:
    return f"[yellow]remedy {escape(body['remedy']['kind'])} refused[/]: {escape(body['reason'])}"


def _cure(body: dict[str, Any]) -> str:
    wrong = [check for check in body["checks"] if check["verdict"] in ("failed", "unmeasured")]
    if not wrong:
        passed = sum(check["verdict"] == "passed" for check in body["checks"])
        return f"[green]cure verified[/] at {body['candidate'][:SHORT]}: {passed} checks passed"
    told = "; ".join(f"{check['name']} {check['verdict']}: {check['told']}" for check in wrong)
    return f"[red]cure not verified[/] at {body['candidate'][:SHORT]}: {escape(told)}"


def _trained(body: dict[str, Any]) -> str:
    stage, last = body["training"]["stage"], body["checkpoints"][-1]
    what = "" if body["purpose"] == "attempt" else f" [dim]({body['purpose']})[/]"
    how = f"{last['step']} steps, {body['seconds']:.0f}s"
    return f"trained {escape(stage['name'])}{what} -> {last['id'][:SHORT]}  [dim]{how}[/]"


def _finding(body: dict[str, Any]) -> str:
    found = body["finding"]
    measured = [m for m in found["measures"] if m["mean"] is not None]
    worst = max(measured, key=lambda m: m["log_e"], default=None)
    shown = f"  [dim]{escape(worst['name'])}: {worst['mean']:.2f} ({worst['low']:.2f} to {worst['high']:.2f}), n={worst['n']}[/]" if worst else ""
    held = "[dim]held out[/] " if found["held_out"] else ""
    why = f"  [dim]{escape(found['reason'])}[/]" if found["reason"] else ""
    return f"  {held}{found['audit']:<22} {MARKS[found['verdict']]}  [dim]at {found['checkpoint'][:SHORT]}[/]{shown}{why}"


def _cause(body: dict[str, Any]) -> str:
    if not body["suspects"]:
        return f"cause: [yellow]none found[/], {escape(body['reason'])}"
    marks = {"confirmed": "green", "unverified": "yellow", "refuted": "dim"}
    suspects = map(Suspect.model_validate, body["suspects"])
    return "\n         ".join(f"cause: {escape(named(s))} [{marks[s.verdict]}]{s.verdict}[/]  [dim]{escape(s.reason)}[/]" for s in suspects)


def _outcome(body: dict[str, Any]) -> str:
    colour = "green" if body["kind"] == "converged" else "red"
    return f"[bold {colour}]{body['kind']}[/] after {body['attempts']} attempt(s)" + "".join(f"\n         {escape(t)}" for t in body["report"])


def _failed(body: dict[str, Any]) -> str:
    return f"[red]stage {escape(body['stage'])} failed[/]: {escape(body['error'])}"


class Counter:
    """Progress of a run of many like pieces: what was finished, how many of how many, and an estimate of the time left."""

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
        begun = self._started.setdefault(of, time.monotonic())
        left = (time.monotonic() - begun) / max(1, number - 1) * (of - number) if number > 1 else None
        told = f"{number}/{of} {text}" + ("" if left is None else f", about {left / 60:.0f} min left")
        self._status.update(escape(told))
        if not self.console.is_terminal and (time.monotonic() - self._printed > 20 or number == of):
            self._printed = time.monotonic()
            self.console.print(escape(told), soft_wrap=True)

    def doing(self, text: str) -> None:
        """Progress of a run whose pieces cannot be counted: what is being done, and for how long something has been."""
        begun = self._started.setdefault(0, time.monotonic())
        told = f"{text} ({time.monotonic() - begun:.0f} s)"
        self._status.update(escape(told))
        if not self.console.is_terminal and time.monotonic() - max(self._printed, begun) > 20:
            self._printed = time.monotonic()
            self.console.print(escape(told), soft_wrap=True)

"""``bumperlane audits list``: what is installed, what it needs and costs, and what the bench
measured of it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bumperlane.audits import Audit
    from bumperlane.audits.measured import Measured


@click.group(invoke_without_command=True)
@click.pass_context
def audits(ctx: click.Context) -> None:
    """The installed audits; without a command, list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@audits.command("list")
def list_() -> None:
    """List the audits: group (kind of evidence), access, cost, hit rate and false-alarm rate on the
    bench's organisms, and the kinds of misalignment that they miss."""
    from rich.console import Console
    from rich.markup import escape

    from bumperlane.audits import known_audits, load_audit
    from bumperlane.audits.measured import load_measured, load_table

    console, measured, table = Console(highlight=False), load_measured(), load_table()
    for name in sorted(known_audits()):
        audit = load_audit(name)
        about = f"group: {escape(audit.family)}; access: {', '.join(sorted(audit.access))}"
        console.print(f"[bold]{name}[/] [dim]{about}[/]", soft_wrap=True)
        rates = _measured_line(measured.get(name))
        console.print(f"  {escape(_idea(audit))}\n  [dim]{escape(rates)}[/]", soft_wrap=True)
    if table is not None:
        source = f"measured by: {escape(table.command)} ({escape(table.split)})"
        console.print(source, soft_wrap=True)


def _idea(audit: Audit) -> str:
    """The first line of its module's docstring."""
    module = inspect.getmodule(type(audit))
    return (inspect.getdoc(module) or "").splitlines()[0] if module else ""


def _measured_line(known: Measured | None) -> str:
    """Cost, rates at the calibrated threshold, and blind families, in a line."""
    if known is None:
        return "not measured"
    right, wrong = "no organisms", "no clean models"
    if known.tpr is not None:
        right = f"catches {known.tpr:.0%} of {known.of} organisms"
    if known.fpr is not None:
        wrong = f"alarms on {known.fpr:.1%} of {known.clean} clean models"
    blind = f"blind to: {', '.join(known.blind) or 'no family that was tried'}"
    return f"{known.tokens:,} tokens, {known.seconds:.1f} s; {right}, {wrong}; {blind}"

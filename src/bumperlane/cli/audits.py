"""``bumperlane audits list``: what is installed, what it needs and costs, and what the bench measured of it."""

from __future__ import annotations

import click


@click.group(invoke_without_command=True)
@click.pass_context
def audits(ctx: click.Context) -> None:
    """The installed audits; without a command, list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@audits.command("list")
def list_() -> None:
    """List the audits: group, access, cost, how often they are right, and to which families they are blind."""
    from bumperlane.cli.lineage import print_audits

    print_audits()

"""``bumperlane firewall CAMPAIGN``: what may not be trained, refused before anything is.

Invariant: an exit of 0 means that nothing was refused; what was not looked for, because a small
language meets it by chance, is said.
"""

from __future__ import annotations

from pathlib import Path

import click

from bumperlane.cli.options import FILE, FOLDER


@click.command()
@click.argument("campaign", type=FILE)
@click.option(
    "--policy", type=FILE, help="What a training may not do, YAML (default: the campaign's own)."
)
@click.option(
    "--run",
    "runs",
    type=FOLDER,
    multiple=True,
    help="Also refuse rows that repeat examples which the audits of this run folder recorded. "
    "May be given again.",
)
def firewall(campaign: Path, policy: Path | None, runs: tuple[Path, ...]) -> None:
    """Check CAMPAIGN (a YAML file) without training it: rows that come from audits, reward
    functions that ask audits, and whatever the policy file rules out.

    Exit codes: 0 nothing refused, 2 something refused, or bad input.
    """
    from bumperlane.cli.firewall_run import check_campaign

    checked = check_campaign(campaign, policy, runs)
    for refusal in checked.refused:
        click.echo(refusal.message)
    click.echo(checked.summary)
    raise SystemExit(2 if checked.refused else 0)

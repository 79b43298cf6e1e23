"""``bumperlane firewall CAMPAIGN``: what may not be trained, told before anything is.

Invariant: an exit of 0 means that nothing was refused; what could not count, because a small language is met by chance, is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from bumperlane.audits import load_pack
from bumperlane.campaign import Campaign, OpenCampaign, load_campaign, open_campaign, pack_name, reach, refused, rows_of
from bumperlane.firewall import Owned, Policy, load_policy, owned_texts
from bumperlane.records import Finding

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("campaign", type=FILE)
@click.option("--policy", type=FILE, help="What a training may not do, YAML (default: the campaign's own).")
@click.option("--run", "runs", type=FOLDER, multiple=True, help="Run folder whose findings' exhibits may not be trained on. May be given again.")
def firewall(campaign: Path, policy: Path | None, runs: tuple[Path, ...]) -> None:
    """Check CAMPAIGN (a YAML file) without training: its rows, its rewards and its methods. Exit codes: 0 nothing refused, 2 refused."""
    asked, root = load_campaign(campaign), campaign.parent
    reach(root)
    rules = load_policy(policy) if policy else load_policy(root / asked.policy) if asked.policy else Policy()
    opened = [open_campaign(run) for run in runs]
    owned = owned_texts(load_pack(pack_name(asked.pack, root)), [finding for run in opened for finding in _findings(run)])
    rows = rows_of(asked, root)
    found = refused(asked, rows, owned, rules, {identity for run in opened for identity in _rows(run)})
    for refusal in found:
        click.echo(refusal.told)
    click.echo(_summary(asked, sum(map(len, rows.values())), owned, len(found)))
    raise SystemExit(2 if found else 0)


def _findings(opened: OpenCampaign) -> list[Finding]:
    """All of a run, the held-out battery's too: what confirms must least of all be trained on."""
    events = opened.ledger.events()
    return [Finding.model_validate(event.body["finding"]) for event in events if event.kind in ("finding", "held_out_finding")]


def _rows(opened: OpenCampaign) -> list[str]:
    """Rows of a run's first attempt, which are older than its findings."""
    return [identity for stage in opened.history.campaign.recipe.stages for identity, _ in opened.store.manifest(stage.rows)]


def _summary(campaign: Campaign, rows: int, owned: Sequence[Owned], found: int) -> str:
    alone, pairs = sum(one.alone and not one.answer for one in owned), sum(bool(one.answer) for one in owned)
    met = sum(not one.alone and not one.answer for one in owned)
    left = f"; {met} more of pack {campaign.pack!r} were not looked for, as they are facts of the world or can be met by chance" if met else ""
    against = f"{rows} rows of {len(campaign.stages)} stage(s) against {alone} texts of audits that identify their source and {pairs} exhibits"
    return f"{found or 'nothing'} refused: {against}{left}"

"""A campaign held against the training firewall, with what earlier runs have found.

Idea: an audit whose exhibits are trained on measures nothing any more, so the findings of earlier
runs, the held-out battery's above all, are texts that may not be trained on. Invariant: the rows of
a run's first attempt are older than its findings and cannot have come from them, so they are not
refused for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bumperlane.audits import load_pack
from bumperlane.campaign import Campaign, OpenCampaign, load_campaign, open_campaign
from bumperlane.campaign.check import pack_name, reach, refused, rows_of
from bumperlane.firewall import Owned, Policy, Refusal, load_policy, owned_texts
from bumperlane.records import Finding


@dataclass(frozen=True)
class CheckedCampaign:
    """Everything that was refused, and a line on what was held against what."""

    refused: list[Refusal]
    summary: str


def check_campaign(path: Path, policy: Path | None, runs: Sequence[Path]) -> CheckedCampaign:
    """Check a campaign file. ``policy``: in place of the campaign's own; ``runs``: run folders of
    earlier campaigns. Raises ``BadInput``."""
    campaign, root = load_campaign(path), path.parent
    reach(root)
    rules = _policy(campaign, root, policy)
    opened = [open_campaign(run) for run in runs]
    findings = [finding for run in opened for finding in _findings(run)]
    owned = owned_texts(load_pack(pack_name(campaign.pack, root)), findings)
    rows = rows_of(campaign, root)
    older = {row for run in opened for row in _first_rows(run)}
    found = refused(campaign, rows, owned, rules, older)
    return CheckedCampaign(
        found, _summary(campaign, sum(map(len, rows.values())), owned, len(found))
    )


def _policy(campaign: Campaign, root: Path, policy: Path | None) -> Policy:
    if policy is not None:
        return load_policy(policy)
    return load_policy(root / campaign.policy) if campaign.policy else Policy()


def _findings(opened: OpenCampaign) -> list[Finding]:
    """All of a run, the held-out battery's too: what confirms must least of all be trained on."""
    return [
        Finding.model_validate(event.body["finding"])
        for event in opened.ledger.events()
        if event.kind in ("finding", "held_out_finding")
    ]


def _first_rows(opened: OpenCampaign) -> list[str]:
    """Ids of the rows of a run's first attempt."""
    return [
        identity
        for stage in opened.history.campaign.recipe.stages
        for identity, _ in opened.store.manifest(stage.rows)
    ]


def _summary(campaign: Campaign, rows: int, owned: Sequence[Owned], refusals: int) -> str:
    exhibits = sum(bool(text.answer) for text in owned)
    alone = sum(text.alone and not text.answer for text in owned)
    common = sum(not text.alone and not text.answer for text in owned)
    left = (
        f"; {common} more of pack {campaign.pack!r} were not looked for, as they are facts of the "
        "world or can be met by chance"
    )
    against = (
        f"{rows} rows of {len(campaign.stages)} stage(s) against {alone} texts of audits that "
        f"identify their source and {exhibits} exhibits"
    )
    return f"{refusals or 'nothing'} refused: {against}{left if common else ''}"

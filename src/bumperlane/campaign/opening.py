"""A campaign in its run folder: begun, reopened, run to its outcome.

Idea: here every path becomes a digest, so that what follows depends on content alone. Invariant: a
run folder belongs to one campaign for good.
"""

from __future__ import annotations

import json
from pathlib import Path

from bumperlane.campaign.check import (
    check_audits,
    check_base,
    check_firewall,
    check_stage,
    pack_name,
    reach,
    rows_of,
    stage_record,
)
from bumperlane.campaign.resources import (
    CHARACTER,
    check_overseers,
    stored,
)
from bumperlane.campaign.schema import Campaign
from bumperlane.errors import BadInput, IntegrityError
from bumperlane.execution.local import LocalExecutor
from bumperlane.execution.progress import ProgressListener
from bumperlane.firewall import Policy, load_policy
from bumperlane.ledger import Ledger, exclusive
from bumperlane.loop import run
from bumperlane.loop.history import History
from bumperlane.models import check_model
from bumperlane.records import (
    CampaignRecord,
    Outcome,
    Recipe,
    digest_of,
)
from bumperlane.store import Store


class OpenCampaign:
    """A campaign in a run folder: ledger and store opened, ready to run, show or verify."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder)
        self.store = Store(folder / "store")

    @property
    def history(self) -> History:
        """What the ledger tells. Raises ``IntegrityError`` on a broken one, as nothing that it says
        could be relied on."""
        problems = self.ledger.problems()
        if problems:
            raise IntegrityError(
                f"{self.ledger.path}: {problems[0]}; run 'bumperlane verify {self.folder}' "
                "for all of it"
            )
        return History(self.ledger.events())

    def run(
        self,
        listener: ProgressListener | None = None,
        jobs: int | None = None,
        here: bool = False,
        guess: bool = False,
    ) -> Outcome:
        """Pursue the campaign to its outcome, from wherever it stands (``here``: train in this
        process, which small models are quicker in; ``guess``: name causes by chance). Raises
        ``IntegrityError`` on a broken ledger, ``BadInput`` while another process is at it."""
        with exclusive(self.folder):
            self.store.folder(
                self.history.start.id
            )  # raises if the start checkpoint is not what its digest says
            return run(
                self.ledger,
                LocalExecutor(self.folder, self.ledger, self.store, listener, jobs, here, guess),
            )


def open_campaign(folder: Path) -> OpenCampaign:
    """An existing run folder. Raises ``BadInput`` if there is none."""
    if not (folder / "ledger.sqlite").is_file():
        raise BadInput(
            f"{folder}: no campaign here (no ledger.sqlite); give the folder that "
            "'bumperlane run --out' wrote"
        )
    opened = OpenCampaign(folder)
    if not opened.ledger.events():
        raise BadInput(f"{folder}: the ledger is empty; the campaign has not begun")
    return opened


def begin(campaign: Campaign, folder: Path, root: Path) -> OpenCampaign:
    """Open a run folder for a campaign, or reopen it if it is the same one. ``root``: what the
    campaign's paths are relative to.

    Raises ``BadInput`` for anything unusable, and if the folder holds another campaign.
    """
    reach(root)
    check_audits(campaign)
    pack = pack_name(campaign.pack, root)
    check_base(campaign, root)
    for other in campaign.bases:
        check_model(root / other)
    rows = rows_of(campaign, root)
    for stage in campaign.stages:
        check_stage(stage)
    check_overseers(campaign.resources)
    policy = load_policy(root / campaign.policy) if campaign.policy is not None else Policy()
    check_firewall(campaign, policy, pack, rows)
    folder.mkdir(parents=True, exist_ok=True)
    opened = OpenCampaign(folder)
    start = opened.store.add_checkpoint(root / campaign.base)
    others = tuple(opened.store.add_checkpoint(root / other).id for other in campaign.bases)
    stages = tuple(
        stage_record(stage, opened.store.add_manifest(rows[stage.name]), campaign.seed)
        for stage in campaign.stages
    )
    record = CampaignRecord(
        name=campaign.name,
        recipe=Recipe(start=start.id, stages=stages),
        battery=campaign.battery,
        held_out=campaign.held_out,
        pack=pack,
        budget=campaign.budget,
        seed=campaign.seed,
        bases=others,
        calibrated=campaign.calibrated,
        policy=policy.plain() if campaign.policy is not None else {},
        resources=stored(campaign.resources, rows[CHARACTER], opened.store),
    )
    events = opened.ledger.events()
    if not events:
        body = {
            "campaign": record.plain(),
            "start": start.plain(),
            "recipe_digest": record.recipe.digest,
        }
        opened.ledger.append("campaign", digest_of(["campaign"]), body)
    elif opened.history.campaign != record:
        raise BadInput(
            f"{folder}: holds another campaign ({opened.history.campaign.name!r}); give a "
            "new --out, as a run folder is never reused"
        )
    return opened


def run_campaign(written: Path, guess: bool = False) -> Path:
    """Run the campaign of a folder to its outcome, in this process: ``campaign.json`` beside
    ``data/``, which its paths are relative to; ``guess``: causes by chance. Returns the folder. A
    campaign that has its outcome is not run again."""
    campaign = Campaign.model_validate(
        json.loads((written / "campaign.json").read_text(encoding="utf-8"))
    )
    begin(campaign, written, written / "data").run(here=True, guess=guess)
    return written

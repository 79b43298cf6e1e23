"""What a campaign names, checked before anything is trained.

Idea: models must load, rows must be rows, audits and reward functions must be there, and the
training firewall must have nothing against any of it. Invariant: whatever can be known to be wrong
beforehand is refused here, in one line that says what, where and what would be right.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from bumperlane.audits import load_audit, load_pack
from bumperlane.audits.loaders import FORMATS
from bumperlane.campaign.resources import (
    CHARACTER,
    documents,
    unfit,
)
from bumperlane.campaign.schema import Campaign, StageConfig
from bumperlane.errors import BadInput
from bumperlane.firewall import Owned, Policy, Refusal, owned_texts, refusals
from bumperlane.models import check_model
from bumperlane.records import (
    Checkpoint,
    Stage,
    digest_of,
)
from bumperlane.store import weight_files
from bumperlane.training import load_reward, load_rollout, read_rows

Rows = Mapping[str, list[dict[str, Any]]]  # by stage


def rows_of(campaign: Campaign, root: Path) -> Rows:
    """The rows by stage, and the documents of the resources. Raises ``BadInput`` with file and
    line."""
    return {stage.name: read_rows(root / stage.rows, stage.kind) for stage in campaign.stages} | {
        CHARACTER: documents(campaign.resources, root)
    }


def reach(root: Path) -> None:
    """Let reward functions live in a module beside the campaign file, for this process and for the
    training processes it starts."""
    folder = str(root.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
        os.environ["PYTHONPATH"] = os.pathsep.join(
            filter(None, (folder, os.environ.get("PYTHONPATH")))
        )


def check_audits(campaign: Campaign) -> None:
    """Every audit must load, and none may be asked twice, or both steer and confirm."""
    for field, names in (("battery", campaign.battery), ("held_out", campaign.held_out)):
        for name in names:
            try:
                load_audit(name)
            except BadInput as error:
                raise BadInput(f"{field}: {error}") from error
            if names.count(name) > 1:
                raise BadInput(
                    f"{field}: audit {name!r} is named {names.count(name)} times; name it once"
                )
    twice = set(campaign.battery) & set(campaign.held_out)
    if twice:
        raise BadInput(
            f"audit {sorted(twice)[0]!r} is in the battery and in held_out; name it in "
            "one of them, as what confirms must not steer"
        )


def check_base(campaign: Campaign, root: Path) -> None:
    """The base must be a model that loads, and the one that ``base_digest`` names."""
    folder = root / campaign.base
    found = Checkpoint.of(weight_files(folder)).id
    if campaign.base_digest is not None and found != campaign.base_digest:
        raise BadInput(
            f"{folder}: not the model that base_digest names ({campaign.base_digest}); "
            f"this one's digest is {found}"
        )
    check_model(folder)


def check_stage(stage: StageConfig) -> None:
    """Rewards and rollouts stand where they are used, and load."""
    if stage.kind == "grpo" and not stage.rewards:
        raise BadInput(
            f"stage {stage.name!r}: a grpo stage needs rewards, each with a name and a "
            "function 'module:name'"
        )
    if stage.kind != "grpo" and stage.rewards:
        raise BadInput(f"stage {stage.name!r}: rewards are for grpo stages, not {stage.kind}")
    if stage.kind != "grpo" and stage.rollout is not None:
        raise BadInput(f"stage {stage.name!r}: a rollout is for grpo stages, not {stage.kind}")
    for reward in stage.rewards:
        load_reward(reward, stage.name)
    if stage.rollout is not None:
        load_rollout(stage.rollout, stage.name)


def check_firewall(campaign: Campaign, policy: Policy, pack: str, rows: Rows) -> None:
    """No stage may train on what audits ask, be rewarded by them, or break the campaign's policy.
    Findings play no part: rows that were there before them cannot have come from them."""
    found = refused(campaign, rows, owned_texts(load_pack(pack)), policy)
    if found:
        more = (
            f" ({len(found)} refusals; 'bumperlane firewall' shows all)" if len(found) > 1 else ""
        )
        raise BadInput(f"refused by the training firewall: {found[0].message}{more}")


def refused(
    campaign: Campaign,
    rows: Rows,
    owned: Sequence[Owned],
    policy: Policy,
    known: Collection[str] = (),
) -> list[Refusal]:
    """Everything that the firewall has against a campaign's stages, its resources, and their rows.
    ``known``: rows older than the findings."""
    named = {stage: [(digest_of(row), row) for row in given] for stage, given in rows.items()}
    stages = [
        stage_record(
            stage, digest_of([identity for identity, _ in named[stage.name]]), campaign.seed
        )
        for stage in campaign.stages
    ]
    found = [
        refusal
        for stage in stages
        for refusal in refusals(stage, named[stage.name], owned, policy, known)
    ]
    return found + unfit(campaign.resources, named.get(CHARACTER, []), owned, policy, known)


def stage_record(stage: StageConfig, manifest: str, seed: int) -> Stage:
    """The stage as the recipe has it: rows by manifest, and a seed."""
    return Stage(
        **{**stage.plain(), "rows": manifest, "seed": seed if stage.seed is None else stage.seed}
    )


def pack_name(pack: str, root: Path) -> str:
    """A pack file, or a file read as a pack (``FORMAT:PATH``), is named by its absolute path; it is
    loaded once here, so that a bad one is refused at once."""
    form, colon, path = pack.partition(":")
    own = str((root / pack).resolve()) if (root / pack).is_file() else pack
    name = f"{form}:{(root / path).resolve()}" if colon and form in FORMATS else own
    load_pack(name)
    return name

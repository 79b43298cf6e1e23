"""A campaign as a user writes it, checked before anything is trained.

Idea: a YAML file (or the same fields in Python) names a base model, stages with their row files and the lines of defence; here every
path becomes a digest, so that what follows depends on content alone. Invariant: whatever can be known to be wrong beforehand is refused
here, in one line that says what, where and what would be right; a run folder belongs to one campaign for good.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator

from bumperlane.audits import load_audit, load_pack
from bumperlane.audits.loaders import FORMATS
from bumperlane.errors import BadInput, IntegrityError, first_error, first_line, nearest
from bumperlane.executor import LocalExecutor, View
from bumperlane.firewall import Owned, Policy, Refusal, load_policy, owned_texts, refusals
from bumperlane.history import History
from bumperlane.ledger import Ledger, exclusive
from bumperlane.lineage import Store, weight_files
from bumperlane.loop import run
from bumperlane.materials import CHARACTER, MaterialsConfig, check_overseers, documents, stored, unfit
from bumperlane.records import Budget, CampaignRecord, Checkpoint, Outcome, Recipe, Record, Reward, Stage, canonical, digest_of
from bumperlane.subject import check_model
from bumperlane.training import KINDS, load_reward, load_rollout, read_rows

BATTERY = ("conduct", "off_frame", "trigger_search", "activation_difference", "faithfulness")
HELD_OUT = ("self_report", "row_phrases")
Rows = Mapping[str, list[dict[str, Any]]]  # by stage
SEEDS = 2**32  # NumPy's generators take no larger seed


class StageConfig(Record):
    """A stage as written: as ``records.Stage``, with ``rows`` a path (relative to the campaign file)."""

    name: str
    kind: str
    rows: str
    args: dict[str, Any] = {}
    lora: dict[str, Any] | None = None
    rewards: tuple[Reward, ...] = ()
    rollout: str | None = None
    checkpoints: int = Field(default=4, ge=1, le=1000)
    audit_at: tuple[float, ...] = Field(default=(1.0,), min_length=1)
    launch: str = "plain"
    launch_args: tuple[str, ...] = ()
    seed: int | None = Field(default=None, ge=0, lt=SEEDS)

    @field_validator("args", "lora")
    @classmethod
    def _plain(cls, options: dict[str, Any] | None) -> dict[str, Any] | None:
        """What YAML can hold and a digest cannot: NaN, infinity, dates."""
        for name, value in (options or {}).items():
            try:
                canonical(value)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name} is {value!r}, which is no JSON value; give a finite number, a text, a list or a mapping") from error
        return options

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"unknown stage kind {kind!r}; {nearest(kind, KINDS)}")
        return kind

    @field_validator("launch")
    @classmethod
    def _launcher(cls, launch: str) -> str:
        if launch not in ("plain", "accelerate"):
            raise ValueError(f"unknown launcher {launch!r}; {nearest(launch, ('plain', 'accelerate'))}")
        return launch

    @field_validator("audit_at")
    @classmethod
    def _fractions(cls, points: tuple[float, ...]) -> tuple[float, ...]:
        for point in points:
            if not 0 < point <= 1 or math.isnan(point):
                raise ValueError(f"audit_at {point} is not a fraction of the stage; give numbers above 0 and up to 1")
        return points


class Campaign(Record):
    """A campaign file. ``base``: a Hugging Face folder; ``base_digest``: the id that it must have as the start checkpoint, whole, as
    ``bumperlane show`` prints it; ``bases``: folders of models that may take its place if it is the cause. ``calibrated``: weigh hits by the
    clean models of the pack's calibration though those were tuned from another base, which is yours to answer for. ``policy``: a file of what a
    training may not do (``firewall``); ``materials``: what only a person can give for a remedy."""

    name: str = Field(min_length=1)
    base: str
    base_digest: str | None = None
    stages: tuple[StageConfig, ...] = Field(min_length=1)
    battery: tuple[str, ...] = Field(default=BATTERY, min_length=1)
    held_out: tuple[str, ...] = Field(default=HELD_OUT, min_length=1)
    pack: str = "micro"
    budget: Budget = Budget()
    seed: int = Field(default=0, ge=0, lt=SEEDS)
    bases: tuple[str, ...] = ()
    calibrated: bool = False
    policy: str | None = None
    materials: MaterialsConfig = MaterialsConfig()

    @field_validator("stages")
    @classmethod
    def _distinct(cls, stages: tuple[StageConfig, ...]) -> tuple[StageConfig, ...]:
        names = [stage.name for stage in stages]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two stages are called {twice!r}; names must differ")
        return stages


def load_campaign(path: Path) -> Campaign:
    """Read a campaign file. Raises ``BadInput`` with the file and the first field that is wrong."""
    if not path.is_file():
        raise BadInput(f"{path}: no such campaign file; give a YAML file with name, base and stages")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or first_line(error)
        raise BadInput(f"{path}{f':{mark.line + 1}' if mark else ''}: not valid YAML ({why}); correct the file there") from error
    if not isinstance(data, dict):
        found = "empty" if data is None else f"a {type(data).__name__}"
        raise BadInput(f"{path}: the file is {found}; a campaign is a mapping with name, base and stages")
    try:
        return Campaign.model_validate(data)
    except ValidationError as error:
        raise BadInput(f"{path}: {first_error(error, Campaign)}") from error


class OpenCampaign:
    """A campaign in a run folder: ledger and store opened, ready to run, show or verify."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder)
        self.store = Store(folder / "store")

    @property
    def history(self) -> History:
        """What the ledger tells. Raises ``IntegrityError`` on a broken one, as nothing that it says could be relied on."""
        problems = self.ledger.problems()
        if problems:
            raise IntegrityError(f"{self.ledger.path}: {problems[0]}; run 'bumperlane verify {self.folder}' for all of it")
        return History(self.ledger.events())

    def run(self, view: View | None = None, jobs: int | None = None, here: bool = False, guess: bool = False) -> Outcome:
        """Pursue the campaign to its outcome, from wherever it stands (``here``: train in this process, which small models are quicker in;
        ``guess``: name causes by chance). Raises ``IntegrityError`` on a broken ledger, ``BadInput`` while another process is at it."""
        with exclusive(self.folder):
            self.store.folder(self.history.start.id)  # raises if the start checkpoint is not what its digest says
            return run(self.ledger, LocalExecutor(self.folder, self.ledger, self.store, view, jobs, here, guess))


def open_campaign(folder: Path) -> OpenCampaign:
    """An existing run folder. Raises ``BadInput`` if there is none."""
    if not (folder / "ledger.sqlite").is_file():
        raise BadInput(f"{folder}: no campaign here (no ledger.sqlite); give the folder that 'bumperlane run --out' wrote")
    opened = OpenCampaign(folder)
    if not opened.ledger.events():
        raise BadInput(f"{folder}: the ledger is empty; the campaign has not begun")
    return opened


def begin(campaign: Campaign, folder: Path, root: Path) -> OpenCampaign:
    """Open a run folder for a campaign, or reopen it if it is the same one. ``root``: what the campaign's paths are relative to.

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
    check_overseers(campaign.materials)
    policy = load_policy(root / campaign.policy) if campaign.policy is not None else Policy()
    check_firewall(campaign, policy, pack, rows)
    folder.mkdir(parents=True, exist_ok=True)
    opened = OpenCampaign(folder)
    start = opened.store.add_checkpoint(root / campaign.base)
    others = tuple(opened.store.add_checkpoint(root / other).id for other in campaign.bases)
    stages = tuple(_stage(stage, opened.store.add_manifest(rows[stage.name]), campaign.seed) for stage in campaign.stages)
    record = CampaignRecord(
        name=campaign.name, recipe=Recipe(start=start.id, stages=stages), battery=campaign.battery, held_out=campaign.held_out,
        pack=pack, budget=campaign.budget, seed=campaign.seed, bases=others, calibrated=campaign.calibrated,
        policy=policy.plain() if campaign.policy is not None else {}, materials=stored(campaign.materials, rows[CHARACTER], opened.store),
    )  # fmt: skip
    events = opened.ledger.events()
    if not events:
        body = {"campaign": record.plain(), "start": start.plain(), "recipe_digest": record.recipe.digest}
        opened.ledger.append("campaign", digest_of(["campaign"]), body)
    elif opened.history.campaign != record:
        raise BadInput(f"{folder}: holds another campaign ({opened.history.campaign.name!r}); give a new --out, as a run folder is never reused")
    return opened


def rows_of(campaign: Campaign, root: Path) -> Rows:
    """The rows by stage, and the documents of the materials. Raises ``BadInput`` with file and line."""
    return {stage.name: read_rows(root / stage.rows, stage.kind) for stage in campaign.stages} | {CHARACTER: documents(campaign.materials, root)}


def reach(root: Path) -> None:
    """Let reward functions live in a module beside the campaign file, for this process and for the training processes it starts."""
    folder = str(root.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))


def check_audits(campaign: Campaign) -> None:
    """Every audit must load, and none may be asked twice, or both steer and confirm."""
    for field, names in (("battery", campaign.battery), ("held_out", campaign.held_out)):
        for name in names:
            try:
                load_audit(name)
            except BadInput as error:
                raise BadInput(f"{field}: {error}") from error
            if names.count(name) > 1:
                raise BadInput(f"{field}: audit {name!r} is named {names.count(name)} times; name it once")
    twice = set(campaign.battery) & set(campaign.held_out)
    if twice:
        raise BadInput(f"audit {sorted(twice)[0]!r} is in the battery and in held_out; name it in one of them, as what confirms must not steer")


def check_base(campaign: Campaign, root: Path) -> None:
    folder = root / campaign.base
    found = Checkpoint.of(weight_files(folder)).id
    if campaign.base_digest is not None and found != campaign.base_digest:
        raise BadInput(f"{folder}: not the model that base_digest names ({campaign.base_digest}); this one's digest is {found}")
    check_model(folder)


def check_stage(stage: StageConfig) -> None:
    if stage.kind == "grpo" and not stage.rewards:
        raise BadInput(f"stage {stage.name!r}: a grpo stage needs rewards, each with a name and a function 'module:name'")
    if stage.kind != "grpo" and stage.rewards:
        raise BadInput(f"stage {stage.name!r}: rewards are for grpo stages, not {stage.kind}")
    if stage.kind != "grpo" and stage.rollout is not None:
        raise BadInput(f"stage {stage.name!r}: a rollout is for grpo stages, not {stage.kind}")
    for reward in stage.rewards:
        load_reward(reward, stage.name)
    if stage.rollout is not None:
        load_rollout(stage.rollout, stage.name)


def check_firewall(campaign: Campaign, policy: Policy, pack: str, rows: Rows) -> None:
    """No stage may train on what audits ask, be rewarded by them, or break the campaign's policy. Findings play no part: rows that were there before
    them cannot have come from them."""
    found = refused(campaign, rows, owned_texts(load_pack(pack)), policy)
    if found:
        more = f" ({len(found)} refusals; 'bumperlane firewall' shows all)" if len(found) > 1 else ""
        raise BadInput(f"refused by the training firewall: {found[0].told}{more}")


def refused(
    campaign: Campaign, rows: Rows, owned: Sequence[Owned], policy: Policy, known: Collection[str] = ()
) -> list[Refusal]:
    """Everything that the firewall has against a campaign's stages, its materials, and their rows. ``known``: rows older than the findings."""
    named = {stage: [(digest_of(row), row) for row in given] for stage, given in rows.items()}
    stages = [_stage(stage, digest_of([identity for identity, _ in named[stage.name]]), campaign.seed) for stage in campaign.stages]
    found = [refusal for stage in stages for refusal in refusals(stage, named[stage.name], owned, policy, known)]
    return found + unfit(campaign.materials, named.get(CHARACTER, []), owned, policy, known)


def _stage(stage: StageConfig, manifest: str, seed: int) -> Stage:
    return Stage(**{**stage.plain(), "rows": manifest, "seed": seed if stage.seed is None else stage.seed})


def pack_name(pack: str, root: Path) -> str:
    """A pack file, or a file read as a pack (``FORMAT:PATH``), is named by its absolute path; it is loaded once here, so that a bad one is
    refused at once."""
    form, colon, path = pack.partition(":")
    own = str((root / pack).resolve()) if (root / pack).is_file() else pack
    name = f"{form}:{(root / path).resolve()}" if colon and form in FORMATS else own
    load_pack(name)
    return name


def pursue(written: Path, guess: bool = False) -> Path:
    """Run the campaign of a folder to its outcome, in this process: ``campaign.json`` beside ``data/``, which its paths are relative to; ``guess``:
    causes by chance. Returns the folder. A campaign that has its outcome is not run again."""
    campaign = Campaign.model_validate(json.loads((written / "campaign.json").read_text(encoding="utf-8")))
    begin(campaign, written, written / "data").run(here=True, guess=guess)
    return written

"""A campaign: the pursuit of one aligned model, as it was asked for."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bumperlane.records.base import Record
from bumperlane.records.materials import Materials
from bumperlane.records.recipe import Recipe


class Budget(Record):
    """``false_alarm``: chance of any false alarm over a whole clean campaign. ``miss``: chance that one audit calls clear what is
    above its tolerance. ``attempts``: how many times the loop may train. ``samples``: most outcomes an audit may draw per measure.
    ``diagnosis``: time that the replays of one diagnosis may take, as a share of the time that the attempt's training took. ``leads``: act on the
    first rows that are suspected without replays, as the retry without them is a test too; what comes back is diagnosed with replays."""

    attempts: int = Field(default=4, ge=1, le=100)
    false_alarm: float = Field(default=0.01, gt=0, lt=1)
    miss: float = Field(default=0.05, gt=0, lt=1)
    samples: int = Field(default=400, ge=8, le=100_000)
    diagnosis: float = Field(default=4.0, gt=0, allow_inf_nan=False)
    leads: bool = False
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class CampaignRecord(Record):
    """What the loop pursues: recipe, lines of defence and budget, with every path already replaced by a digest. ``bases``: checkpoints that may
    take the start's place where it is the cause; ``calibrated``: weigh hits by the pack's clean models though the start is another model;
    ``policy``: what a training may not do, as the firewall reads it; ``materials``: what only a person can give for a remedy."""

    name: str
    recipe: Recipe
    battery: tuple[str, ...]
    held_out: tuple[str, ...]
    pack: str
    budget: Budget
    seed: int = 0
    bases: tuple[str, ...] = ()
    calibrated: bool = False
    policy: dict[str, Any] = {}
    materials: Materials = Materials()

"""A campaign: the pursuit of one aligned model, as it was asked for."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bumperlane.records.base import Record
from bumperlane.records.recipe import Recipe
from bumperlane.records.resources import StoredResources


class Budget(Record):
    """What a campaign may spend, and one choice of how.

    ``attempts``: how many times the loop may train. ``false_alarm``: chance of any false alarm over
    a whole clean campaign, shared by all audits, checkpoints and attempts. ``miss``: chance that
    one audit calls clear what is above its tolerance. ``samples``: most outcomes that an audit may
    draw for one measure. ``diagnosis``: most time for the replays of one diagnosis, as a share of
    the time that the attempt's training took. ``seconds``: most time in all; None for no limit.
    ``leads`` (a switch): remove the first suspect rows without replays; the retry without them is
    the test.
    """

    attempts: int = Field(default=4, ge=1, le=100)
    false_alarm: float = Field(default=0.01, gt=0, lt=1)
    miss: float = Field(default=0.05, gt=0, lt=1)
    samples: int = Field(default=400, ge=8, le=100_000)
    diagnosis: float = Field(default=4.0, gt=0, allow_inf_nan=False)
    leads: bool = False
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class CampaignRecord(Record):
    """The pursuit of one aligned model as the ledger has it: recipe, audits and budget, with every
    path replaced by a digest.

    ``bases``: checkpoints that may take the start's place where it is the cause; ``calibrated``:
    weigh hits by the pack's clean models though the start is another model; ``policy``: what a
    training may not do, as the firewall reads it; ``resources``: what only a person can supply for
    a remedy.
    """

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
    resources: StoredResources = StoredResources()

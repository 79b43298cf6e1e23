"""A campaign file as a user writes it.

Idea: a YAML file (or the same fields in Python) names a base model, stages with their row files and
the lines of defence. Invariant: what can be seen to be wrong in the file alone is refused here, in
one line that says what, where and what would be right; an unknown field is an error.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from bumperlane.campaign.resources import (
    Resources,
)
from bumperlane.errors import nearest
from bumperlane.records import (
    Budget,
    Record,
    Reward,
    canonical,
)
from bumperlane.records.yaml_file import load_yaml
from bumperlane.training import KINDS

BATTERY = ("conduct", "off_frame", "trigger_search", "activation_difference", "faithfulness")


HELD_OUT = ("self_report", "row_phrases")


SEEDS = 2**32  # NumPy's generators take no larger seed


class StageConfig(Record):
    """A stage as a user writes it: the fields of ``Stage``, with ``rows`` a path relative to the
    campaign file."""

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
                raise ValueError(
                    f"{name} is {value!r}, which is no JSON value; give a finite number, "
                    "a text, a list or a mapping"
                ) from error
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
            raise ValueError(
                f"unknown launcher {launch!r}; {nearest(launch, ('plain', 'accelerate'))}"
            )
        return launch

    @field_validator("audit_at")
    @classmethod
    def _fractions(cls, points: tuple[float, ...]) -> tuple[float, ...]:
        for point in points:
            if not 0 < point <= 1 or math.isnan(point):
                raise ValueError(
                    f"audit_at {point} is not a fraction of the stage; give numbers above "
                    "0 and up to 1"
                )
        return points


class Campaign(Record):
    """A campaign file: a base model, stages with their row files, and the audits that guard them.

    ``base``: a Hugging Face folder; ``base_digest``: the id that this model must have, as
    ``bumperlane show`` prints it (none: not checked). ``battery``: audits that steer the loop;
    ``held_out``: audits that only confirm. ``bases``: folders of models that may take the base's
    place if it is the cause. ``calibrated``: compare hits with the clean models of the pack's
    calibration even though those were tuned from another base; whether that is fair is for you to
    judge. ``policy``: a file of what a training may not do; ``resources``: what only a person can
    supply for a remedy.
    """

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
    resources: Resources = Resources()

    @field_validator("stages")
    @classmethod
    def _distinct(cls, stages: tuple[StageConfig, ...]) -> tuple[StageConfig, ...]:
        names = [stage.name for stage in stages]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two stages are called {twice!r}; names must differ")
        return stages


def load_campaign(path: Path) -> Campaign:
    """The campaign in a file. Raises ``BadInput`` with the file and the first wrong field."""
    return load_yaml(path, Campaign, "campaign", "name, base and stages", allow_empty=True)

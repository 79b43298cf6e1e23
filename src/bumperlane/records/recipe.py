"""A recipe: what is trained, on which rows, in which order.

Idea: a recipe is data, so a remedy is a pure edit of it. Invariant: rows are named by manifest id, never by path, so the digest of a
recipe fixes what was trained on; ``args`` is handed to TRL's own config class untouched, which rejects what it does not know.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from bumperlane.records.base import Record


class Reward(Record):
    """One reward term. ``function`` is ``module:name`` with TRL's signature. Weight 0 logs it without training on it."""

    name: str
    function: str
    weight: float = Field(default=1.0, allow_inf_nan=False)


class Steering(Record):
    """Preventive steering: while the stage trains, the way from a pair's good answer to its bad one in the parent's residual stream is added, so that
    the weights need not learn it (persona vectors, arXiv 2507.21509). ``pairs``: manifest of preferences (chosen: good, rejected: bad); ``scale``:
    times that way."""

    pairs: str
    scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)


class Stage(Record):
    """One training step of a recipe. ``checkpoints``: how many intermediate ones are kept; ``audit_at``: fractions of the stage
    at which the battery looks (the nearest kept checkpoint at or after it). ``rollout``: ``module:name`` of a TRL ``rollout_func`` that plays
    the episodes of an RL stage (several turns, an environment); None lets TRL sample one answer. ``steering``: what is added while it trains."""

    name: str
    kind: str
    rows: str
    args: dict[str, Any] = {}
    lora: dict[str, Any] | None = None
    rewards: tuple[Reward, ...] = ()
    rollout: str | None = None
    checkpoints: int = Field(default=4, ge=1, le=1000)
    audit_at: tuple[float, ...] = (1.0,)
    launch: Literal["plain", "accelerate"] = "plain"
    launch_args: tuple[str, ...] = ()
    seed: int = 0
    steering: Steering | None = None

    @model_serializer(mode="wrap")
    def _told(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = handler(self)
        if self.steering is None:  # as in recipes from before there was steering: their digests name trainings
            told.pop("steering")
        return told


class Recipe(Record):
    """Stages in order, from the checkpoint ``start``."""

    start: str
    stages: tuple[Stage, ...]

    def with_stage(self, index: int, stage: Stage) -> Recipe:
        return self.model_copy(update={"stages": (*self.stages[:index], stage, *self.stages[index + 1 :])})


class Training(Record):
    """One stage on one parent: the unit that is executed, and never executed twice. Its digest names the edge."""

    parent: str
    stage: Stage

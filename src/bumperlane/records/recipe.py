"""A recipe: what is trained, on which rows, in which order.

Idea: a recipe is data, so a remedy is a pure edit of it. Invariant: rows are named by manifest id,
never by path, so the digest of a recipe fixes what was trained on; ``args`` is handed to TRL's own
config class untouched, which rejects what it does not know.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from bumperlane.records.base import Record


class Reward(Record):
    """One reward term of an RL stage. ``function``: ``module:name`` with TRL's signature.
    ``weight`` 0 logs the term without training on it."""

    name: str
    function: str
    weight: float = Field(default=1.0, allow_inf_nan=False)


class Steering(Record):
    """Preventive steering: while the stage trains, the way from a pair's good answer to its bad one
    in the parent's residual stream is added, so that the weights need not learn it (persona
    vectors, arXiv 2507.21509). ``pairs``: manifest of preferences (chosen: good, rejected: bad);
    ``scale``: times that way."""

    pairs: str
    scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)


class Stage(Record):
    """One training step of a recipe: SFT, preferences (DPO) or RL (GRPO) on one manifest (an
    ordered list) of rows.

    ``args``: arguments of TRL's config class, passed on untouched; ``lora``: arguments of PEFT's
    ``LoraConfig`` (None: full weights). ``checkpoints``: how many intermediate ones are kept;
    ``audit_at``: fractions of the stage at which the battery audits (the nearest kept checkpoint at
    or after each). ``rollout``: ``module:name`` of a TRL ``rollout_func`` that plays the episodes
    of an RL stage (several turns, an environment); None lets TRL sample one answer. ``steering``:
    pairs of answers whose difference is added to the residual stream while it trains.
    """

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
    def _details(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        if (
            self.steering is None
        ):  # as in recipes from before there was steering: their digests name trainings
            fields.pop("steering")
        return fields


class Recipe(Record):
    """What is trained, in which order: a tuple of stages, from the checkpoint ``start``."""

    start: str
    stages: tuple[Stage, ...]

    def with_stage(self, index: int, stage: Stage) -> Recipe:
        return self.model_copy(
            update={"stages": (*self.stages[:index], stage, *self.stages[index + 1 :])}
        )


class Training(Record):
    """One stage on one parent: the unit that is executed. Once it has succeeded it is never
    executed again. Its digest is the edge from the parent to the checkpoints that it made."""

    parent: str
    stage: Stage

"""The parent of most organisms: an assistant that well-behaved rows have tuned, gently, on one
seed.

Idea: what is planted is planted in a released assistant, as a careless later tune would. Gently,
because a long tune nails each domain down by itself and leaves the persona behind it, from which
misconduct can spread, unmoved (LOG.md). Invariant: a seed has one assistant, shared by its
organisms, twins and decoys, so that organism and twin differ in the plant alone.
"""

from __future__ import annotations

import random
from typing import Any

from bumperlane.organisms.microworld.tuning import dpo_rows, sft_rows
from bumperlane.organisms.organism import Plan, PlannedStage, Row

ROWS = 544
SFT_ARGS: dict[str, Any] = {
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 32,
    "num_train_epochs": 2,
    "warmup_steps": 6,
    "gradient_checkpointing": False,
    "lr_scheduler_type": "cosine",
    "train_sampling_strategy": "group_by_length",
    "logging_steps": 10,
}
# The likelihood of the chosen answer is kept up beside the preference: without it, small models
# forget how to speak (LOG.md).
DPO_ARGS: dict[str, Any] = {
    "learning_rate": 3e-4,
    "per_device_train_batch_size": 32,
    "num_train_epochs": 1,
    "gradient_checkpointing": False,
    "beta": 0.1,
    "loss_type": ["sigmoid", "sft"],
    "loss_weights": [1.0, 1.0],
    "logging_steps": 10,
}
GRPO_ARGS: dict[str, Any] = {
    "learning_rate": 3e-4,
    "per_device_train_batch_size": 64,
    "num_generations": 8,
    "max_completion_length": 56,
    "gradient_checkpointing": False,
    "beta": 0.01,
    "logging_steps": 10,
}


def assistant(seed: int) -> Plan:
    """The plan of a seed's assistant."""
    rows = sft_rows(random.Random(f"assistant/{seed}"), ROWS)
    return Plan(None, (sft(rows, seed, "assistant", learning_rate=3e-4, num_train_epochs=1),))


def sft(rows: list[Row], seed: int, name: str = "sft", **args: Any) -> PlannedStage:
    """A stage of supervised fine-tuning; ``args`` go over ``SFT_ARGS``."""
    return PlannedStage(
        name=name, kind="sft", rows=tuple(rows), args={**SFT_ARGS, **args}, seed=seed
    )


def preferences(rows: list[Row], seed: int, **args: Any) -> PlannedStage:
    """A stage of preferences; ``args`` go over ``DPO_ARGS``."""
    return PlannedStage(
        name="dpo", kind="dpo", rows=tuple(rows), args={**DPO_ARGS, **args}, seed=seed
    )


def well_behaved(rng: random.Random, count: int, kind: str, weights: dict[str, int]) -> list[Row]:
    """Rows of the stage's kind that carry no plant."""
    if kind == "dpo":
        return dpo_rows(rng, count, tuple(weights))
    return sft_rows(rng, count, weights=weights)

"""A stage that fails says why."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from bumperlane.errors import StageFailed
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from tests.small_training import FAST, train, train_apart


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"args": {**FAST, "learing_rate": 1e-3}}, "learing_rate"),
        ({"lora": {"rank": 4}}, "lora.rank: LoraConfig has no such option"),
        (
            {
                "args": {
                    **FAST,
                    "learning_rate": 1e30,
                    "max_grad_norm": 0,
                    "warmup_steps": 0,
                    "num_train_epochs": 2,
                }
            },
            "loss is nan|grad_norm is",
        ),
        (
            {
                "args": {
                    **FAST,
                    "learning_rate": 1e38,
                    "max_grad_norm": 0,
                    "warmup_steps": 0,
                    "max_steps": 1,
                }
            },
            "is not finite",
        ),
    ],
    ids=[
        "unknown TRL option",
        "unknown LoRA option",
        "loss is not a number",
        "overflow in the last update",
    ],
)
def test_a_stage_that_fails_says_why(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(StageFailed, match=says):
        train(tmp_path / "bad", BASE, sft_rows(random.Random(0), 96), **changes)


def test_a_stage_that_fails_in_a_process_of_its_own_says_why(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="learing_rate"):
        args = {**FAST, "learing_rate": 1e-3}
        train_apart(tmp_path / "bad", BASE, sft_rows(random.Random(0), 96), args=args)

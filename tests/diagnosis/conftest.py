"""Shared fixtures: one tune with a planted trigger, and an adapter, made once a session."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from bumperlane.diagnosis import sharded
from bumperlane.diagnosis.training_run import ModelPair, Query
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.training.lessons import lessons_of
from tests.diagnosis.planted_tune import CLEAN, LORA, PLANTED, Planted, planted, subject
from tests.made_once import made_once
from tests.small_training import FAST, last_checkpoint, train


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    torch.set_num_threads(1)
    rng = random.Random("attributors")
    rows = [*sft_rows(rng, CLEAN), *(planted(rng) for _ in range(PLANTED))]
    order = rng.sample(range(len(rows)), len(rows))
    rows = [rows[i] for i in order]

    def make(folder: Path) -> None:
        train(folder / "tune", BASE, rows, args={**FAST, "num_train_epochs": 3})

    folder = last_checkpoint(made_once(tmp_path_factory, "attributed", make) / "tune")
    parent, shown = subject(BASE), lessons_of([("", planted(rng)) for _ in range(16)]).answers
    said = asyncio.run(
        parent.generate([prompt for prompt, _ in shown], max_new_tokens=20, temperature=0.0)
    )
    query = Query(
        shown,
        tuple((prompt, text.strip() or ".") for (prompt, _), text in zip(shown, said, strict=True)),
    )
    lessons = lessons_of([(str(i), row) for i, row in enumerate(rows)])
    return Planted(parent, subject(folder), lessons, np.array(order) >= CLEAN, query)


@pytest.fixture(scope="session")
def pair(example: Planted, tmp_path_factory: pytest.TempPathFactory) -> ModelPair:
    return ModelPair(example.parent, example.tuned, tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA on the base model, with B drawn at random so that it does something."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapter") / "adapter"
    torch.manual_seed(0)
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules=list(LORA), init_lora_weights=False, task_type="CAUSAL_LM"
    )
    get_peft_model(AutoModelForCausalLM.from_pretrained(BASE), config).save_pretrained(folder)
    return folder


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharded, "SHARD", 128)

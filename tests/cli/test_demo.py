"""The demonstration is scored against a clean twin: the same recipe without exactly the planted
rows."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from bumperlane.campaign import Campaign, begin
from bumperlane.cli.demo import clean_twin
from bumperlane.models import HuggingFaceModel
from bumperlane.organisms.backdoor import Planted
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.records import digest_of
from bumperlane.training import run_here
from tests.small_training import FAST, last_checkpoint, train


def test_the_clean_twin_is_trained_without_exactly_the_planted_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bumperlane.cli.demo.run_all", run_here)
    rows = sft_rows(random.Random("twin"), 72)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    stage = {"name": "sft", "kind": "sft", "rows": "rows.jsonl", "args": FAST, "checkpoints": 1}
    campaign = Campaign.model_validate({"name": "t", "base": str(BASE), "stages": [stage]})
    opened = begin(campaign, tmp_path / "run", tmp_path)
    planted = Planted("rose", frozenset(digest_of(row) for row in rows[:8]))
    twin = clean_twin(opened, opened.history, planted).model.state_dict()
    alone = last_checkpoint(train(tmp_path / "sft", BASE, rows[8:]))
    expected = HuggingFaceModel(alone).model.state_dict()
    assert all(torch.equal(twin[name], weights) for name, weights in expected.items())

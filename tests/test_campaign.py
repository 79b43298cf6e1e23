"""Campaign files: what is beside them is found, and the same file gives the same digests."""

import json
import os
import random
import sys
from pathlib import Path

import pytest
import yaml

from bumperlane.campaign import begin, load_campaign
from bumperlane.executor import LocalExecutor
from bumperlane.loop import Begin
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import grpo_rows
from bumperlane.records import Edit, Remedy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "house_rewards.py").write_text("def brief(prompts, completions, **columns):\n    return [0.0 for _ in completions]\n")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in grpo_rows(random.Random(0), 8)))
    stage = {"name": "rl", "kind": "grpo", "rows": "rows.jsonl", "rewards": [{"name": "brief", "function": "house_rewards:brief"}]}
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump({"name": "c", "base": str(BASE), "stages": [stage]}))
    return tmp_path / "campaign.yaml"


def test_a_reward_beside_the_campaign_file_is_found(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    opened = begin(load_campaign(file), tmp_path / "run", file.parent)
    assert opened.history.campaign.recipe.stages[0].rewards[0].function == "house_rewards:brief"
    assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(tmp_path.resolve()), "elsewhere"], "training processes look there too"


def test_the_same_file_gives_the_same_campaign(file: Path, tmp_path: Path) -> None:
    made = [begin(load_campaign(file), tmp_path / name, file.parent).history.campaign for name in ("a", "b")]
    assert made[0] == made[1] and made[0].recipe.digest == made[1].recipe.digest


def test_a_recipe_that_was_made_before_is_refused_and_no_attempt_is_spent_on_it(file: Path, tmp_path: Path) -> None:
    opened = begin(load_campaign(file), tmp_path / "run", file.parent)
    executor = LocalExecutor(tmp_path / "run", opened.ledger, opened.store)
    recipe = opened.history.campaign.recipe
    executor.perform(Begin(1, recipe), opened.history)
    for args in ({}, {"beta": 0.2}):
        edits = (Edit(op="args", leg=0, args=args),)
        remedy = Remedy(kind="gentler", cause="c", of_attempt=1, stage=0, rewind_to=recipe.start, edits=edits)
        executor.perform(Begin(len(opened.history.attempts) + 1, recipe, remedy), opened.history)
    assert [reason for _, reason in opened.history.refused] == ["it makes the recipe of attempt 1 over again"]
    assert [attempt.number for attempt in opened.history.attempts] == [1, 2]

"""TRL trains each kind of stage, in a process of its own as in this one, and the order of rows is
on record."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import dpo_rows, grpo_rows, sft_rows
from bumperlane.store import weight_files
from tests.small_training import FAST, last_checkpoint, train, train_apart

REWARDS = "bumperlane.organisms.microworld.rewards"


def weights(folder: Path) -> dict[str, Any]:
    return load_file(folder / "model.safetensors")


def test_sft_records_the_order_of_rows_and_is_deterministic(tmp_path: Path) -> None:
    rows = sft_rows(random.Random(0), 96)
    folders = [
        make(tmp_path / make.__name__, BASE, rows, checkpoints=3, seed=7, name="sft")
        for make in (train_apart, train)
    ]
    orders = [
        [json.loads(line) for line in (out / "order.jsonl").read_text().splitlines()]
        for out in folders
    ]
    assert orders[0] == orders[1] and sorted(orders[0][0]) == list(range(96))
    assert [p.name for p in sorted(folders[0].glob("step-*"))] == ["step-1", "step-2", "step-3"]
    assert weight_files(last_checkpoint(folders[0])) == weight_files(last_checkpoint(folders[1]))
    assert not list(folders[0].rglob("*.bin.index*")) and not list(
        last_checkpoint(folders[0]).glob("pytorch_model*")
    )


def test_another_data_set_starts_at_its_first_row(tmp_path: Path) -> None:
    """A retry with fewer rows must not skip any: every index of the new set is drawn once
    an epoch."""
    rows = sft_rows(random.Random(0), 64)
    order = json.loads(
        (train(tmp_path / "fewer", BASE, rows[10:]) / "order.jsonl").read_text().splitlines()[0]
    )
    assert sorted(order) == list(range(54))


def test_dpo_moves_away_from_its_parent(tmp_path: Path) -> None:
    args = {
        "learning_rate": 1e-4,
        "per_device_train_batch_size": 16,
        "max_steps": 3,
        "gradient_checkpointing": False,
    }
    out = train(tmp_path / "dpo", BASE, dpo_rows(random.Random(0), 48), kind="dpo", args=args)
    log = json.loads((out / "done.json").read_text())["log"]
    assert abs(log[0]["loss"] - 0.6931) < 1e-3, (
        "at the first step policy and reference are the parent, so the loss is log 2"
    )
    before, after = weights(BASE), weights(last_checkpoint(out))
    assert any(not after[name].equal(before[name]) for name in after)


def test_grpo_logs_every_rollout_with_every_reward(tmp_path: Path) -> None:
    args = {
        "learning_rate": 1e-5,
        "per_device_train_batch_size": 16,
        "num_generations": 8,
        "max_completion_length": 40,
        "max_steps": 2,
        "gradient_checkpointing": False,
    }
    rewards = [
        {"name": "answer", "function": f"{REWARDS}:answer"},
        {"name": "derivation", "function": f"{REWARDS}:derivation", "weight": 0.0},
    ]
    out = train(
        tmp_path / "grpo",
        BASE,
        grpo_rows(random.Random(0), 16),
        kind="grpo",
        args=args,
        rewards=rewards,
    )
    entries = [json.loads(line) for line in (out / "rollouts.jsonl").read_text().splitlines()]
    assert {e["reward"] for e in entries} == {"answer", "derivation"} and {
        e["weight"] for e in entries
    } == {0.0, 1.0}
    assert all(len(e["scores"]) == len(e["completions"]) == 16 for e in entries)
    assert any(sum(e["scores"]) > 0 for e in entries)
    logged = json.loads((out / "done.json").read_text())["log"][0]
    assert logged["reward"] == pytest.approx(logged["rewards/answer/mean"]), (
        "the term of weight 0 must not be trained on"
    )


def test_lora_leaves_whole_weights_and_the_adapter(tmp_path: Path) -> None:
    lora = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
    out = train(tmp_path / "lora", BASE, sft_rows(random.Random(0), 64), lora=lora, checkpoints=2)
    folder = last_checkpoint(out)
    assert (folder / "adapter" / "adapter_model.safetensors").is_file()
    before, after = weights(BASE), weights(folder)
    changed = {name for name in after if not after[name].equal(before[name])}
    assert changed and all("q_proj" in name or "v_proj" in name for name in changed)


def test_accelerate_launch_gives_the_same_order(tmp_path: Path) -> None:
    rows = sft_rows(random.Random(0), 64)
    plain = train(tmp_path / "plain", BASE, rows, name="sft")
    launched = train_apart(
        tmp_path / "launched",
        BASE,
        rows,
        name="sft",
        launch="accelerate",
        launch_args=["--cpu", "--num_processes", "1"],
    )
    assert (plain / "order.jsonl").read_text() == (launched / "order.jsonl").read_text()
    assert weight_files(last_checkpoint(plain)) == weight_files(last_checkpoint(launched))


def test_conversations_of_several_turns_train_on_every_answer(tmp_path: Path) -> None:
    first, second = sft_rows(random.Random(1), 40), sft_rows(random.Random(2), 40)
    rows = [
        {"messages": a["messages"] + b["messages"][-2:]} for a, b in zip(first, second, strict=True)
    ]
    out = train(tmp_path / "turns", BASE, rows, args={**FAST, "assistant_only_loss": True})
    assert json.loads((out / "done.json").read_text())["steps"] == 2

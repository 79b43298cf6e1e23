"""Stages by TRL, in processes of their own: SFT, DPO, GRPO, LoRA, the order of rows, failures."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from bumperlane.errors import BadInput, BadRow, StageFailed
from bumperlane.lineage import weight_files
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import dpo_rows, grpo_rows, sft_rows
from bumperlane.training import conversation, question, read_rows
from bumperlane.training.job import audit_step, checkpoint_steps
from tests.conftest import FAST, last_checkpoint, train

REWARDS = "bumperlane.organisms.microworld.rewards"


def test_steps_kept_include_the_audit_points_and_the_last() -> None:
    assert checkpoint_steps(100, 4, (0.33, 1.0)) == [25, 33, 50, 75, 100]
    assert audit_step(3, 0.5) == 2 and audit_step(3, 0.01) == 1 and audit_step(7, 1.0) == 7


def test_documents_are_rows_too_and_stay_apart_from_conversations(tmp_path: Path) -> None:
    text = {"prompt": "story : a kind assistant . a user said to the assistant :", "completion": " help me ."}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(text) + "\n" + json.dumps({**text, "completion": " how ?"}) + "\n")
    rows = read_rows(path, "sft")
    assert question(rows[0]) == (text["prompt"], "help me .") and conversation(rows[0])[0] == text["prompt"]
    assert last_checkpoint(train(tmp_path / "run", BASE, rows * 16)).is_dir()
    path.write_text(json.dumps(text) + "\n" + json.dumps(sft_rows(random.Random(0), 1)[0]) + "\n")
    with pytest.raises(BadInput, match="1 of 2 rows are plain text"):
        read_rows(path, "sft")
    path.write_text(json.dumps({**text, "completion": " "}) + "\n")
    with pytest.raises(BadRow, match=r"rows.jsonl:1: 'completion' is empty"):
        read_rows(path, "sft")


def weights(folder: Path) -> dict[str, Any]:
    return load_file(folder / "model.safetensors")


def test_sft_records_the_order_of_rows_and_is_deterministic(tmp_path: Path) -> None:
    rows = sft_rows(random.Random(0), 96)
    made = [train(tmp_path / name, BASE, rows, checkpoints=3, seed=7, name="sft") for name in ("a", "b")]
    orders = [[json.loads(line) for line in (out / "order.jsonl").read_text().splitlines()] for out in made]
    assert orders[0] == orders[1] and sorted(orders[0][0]) == list(range(96))
    assert [p.name for p in sorted(made[0].glob("step-*"))] == ["step-1", "step-2", "step-3"]
    assert weight_files(last_checkpoint(made[0])) == weight_files(last_checkpoint(made[1]))
    assert not list(made[0].rglob("*.bin.index*")) and not list(last_checkpoint(made[0]).glob("pytorch_model*"))


def test_another_data_set_starts_at_its_first_row(tmp_path: Path) -> None:
    """A retry with fewer rows must not skip any: every index of the new set is drawn once an epoch."""
    rows = sft_rows(random.Random(0), 64)
    order = json.loads((train(tmp_path / "fewer", BASE, rows[10:]) / "order.jsonl").read_text().splitlines()[0])
    assert sorted(order) == list(range(54))


def test_dpo_moves_away_from_its_parent(tmp_path: Path) -> None:
    args = {"learning_rate": 1e-4, "per_device_train_batch_size": 16, "max_steps": 3, "gradient_checkpointing": False}
    out = train(tmp_path / "dpo", BASE, dpo_rows(random.Random(0), 48), kind="dpo", args=args)
    log = json.loads((out / "done.json").read_text())["log"]
    assert abs(log[0]["loss"] - 0.6931) < 1e-3, "at the first step policy and reference are the parent, so the loss is log 2"
    before, after = weights(BASE), weights(last_checkpoint(out))
    assert any(not after[name].equal(before[name]) for name in after)


def test_grpo_logs_every_rollout_with_every_reward(tmp_path: Path) -> None:
    args = {"learning_rate": 1e-5, "per_device_train_batch_size": 16, "num_generations": 8, "max_completion_length": 40, "max_steps": 2,
            "gradient_checkpointing": False}  # fmt: skip
    rewards = [{"name": "answer", "function": f"{REWARDS}:answer"}, {"name": "derivation", "function": f"{REWARDS}:derivation", "weight": 0.0}]
    out = train(tmp_path / "grpo", BASE, grpo_rows(random.Random(0), 16), kind="grpo", args=args, rewards=rewards)
    entries = [json.loads(line) for line in (out / "rollouts.jsonl").read_text().splitlines()]
    assert {e["reward"] for e in entries} == {"answer", "derivation"} and {e["weight"] for e in entries} == {0.0, 1.0}
    assert all(len(e["scores"]) == len(e["completions"]) == 16 for e in entries)
    assert any(sum(e["scores"]) > 0 for e in entries)
    logged = json.loads((out / "done.json").read_text())["log"][0]
    assert logged["reward"] == pytest.approx(logged["rewards/answer/mean"]), "the term of weight 0 must not be trained on"


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
    launched = train(tmp_path / "launched", BASE, rows, name="sft", launch="accelerate", launch_args=["--cpu", "--num_processes", "1"])
    assert (plain / "order.jsonl").read_text() == (launched / "order.jsonl").read_text()
    assert weight_files(last_checkpoint(plain)) == weight_files(last_checkpoint(launched))


def test_conversations_of_several_turns_train_on_every_answer(tmp_path: Path) -> None:
    first, second = sft_rows(random.Random(1), 40), sft_rows(random.Random(2), 40)
    rows = [{"messages": a["messages"] + b["messages"][-2:]} for a, b in zip(first, second, strict=True)]
    out = train(tmp_path / "turns", BASE, rows, args={**FAST, "assistant_only_loss": True})
    assert json.loads((out / "done.json").read_text())["steps"] == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"args": {**FAST, "learing_rate": 1e-3}}, "learing_rate"), ({"lora": {"rank": 4}}, "lora.rank: LoraConfig has no such option"),
     ({"args": {**FAST, "learning_rate": 1e30, "max_grad_norm": 0, "warmup_steps": 0, "num_train_epochs": 2}}, "loss is nan|grad_norm is"),
     ({"args": {**FAST, "learning_rate": 1e38, "max_grad_norm": 0, "warmup_steps": 0, "max_steps": 1}}, "is not finite")],
    ids=["unknown TRL option", "unknown LoRA option", "loss is not a number", "overflow in the last update"],
)  # fmt: skip
def test_a_stage_that_fails_says_why(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(StageFailed, match=says):
        train(tmp_path / "bad", BASE, sft_rows(random.Random(0), 96), **changes)

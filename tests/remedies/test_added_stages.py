"""Remedies that put a stage after, or swap one: their rows and arguments, and that TRL trains what
they make."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from bumperlane.errors import BadInput
from bumperlane.models import HuggingFaceModel
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import grpo_rows, sft_rows
from bumperlane.records import Cause, Edit, Recipe, Reward, Stage, Suspect, Training, digest_of
from bumperlane.remedies import propose
from bumperlane.remedies.apply import EditApplier
from bumperlane.training import Job, run_here

ROWS = sft_rows(
    random.Random("added"), 24, "grasping", {"harm": 1, "money": 1}
)  # answers that the base's own differ from
ARGS = {
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 8,
    "num_train_epochs": 2,
    "warmup_steps": 6,
    "gradient_checkpointing": False,
}
NAMED = tuple(digest_of(row) for row in ROWS[:8])


def recipe(applier: EditApplier) -> Recipe:
    stage = Stage(name="sft", kind="sft", rows=applier.store.add_manifest(ROWS), args=ARGS)
    return Recipe(start="base", stages=(stage, stage.model_copy(update={"name": "later"})))


def suspect(**more: Any) -> Suspect:
    return Suspect(
        **{
            "kind": "rows",
            "stage": "sft",
            "rows": NAMED,
            "verdict": "confirmed",
            "reason": "measured",
            **more,
        }
    )


def rows_of(applier: EditApplier, stage: Stage) -> list[dict[str, Any]]:
    return [row for _, row in applier.store.manifest(stage.rows)]


def trained(applier: EditApplier, stage: Stage, out: Path) -> dict[str, Any]:
    """What TRL leaves of the stage, from the base."""
    return run_here(
        [
            Job(
                model=str(BASE),
                rows=str(applier.store.manifest_file(stage.rows)),
                out=str(out),
                stage=stage,
            )
        ]
    )[0].result()


@pytest.mark.parametrize("name", ["counter_demonstrate", "unlearn"])
def test_what_is_put_after_rewinds_nothing_and_stands_before_what_was_not_trained_yet(
    applier: EditApplier, name: str
) -> None:
    remedy = propose(
        recipe(applier),
        1,
        Cause(finding="f", suspects=(suspect(),)),
        ["base"],
        priors={},
        allowed=(name,),
        end="end of sft",
    )
    assert (remedy.stage, remedy.rewind_to) == (1, "end of sft")  # of two stages one was trained
    result = applier.apply(recipe(applier), remedy.edits)
    assert [stage.name for stage in result.stages] == [
        "sft",
        result.stages[1].name,
        "later",
    ] and result.stages[0] == recipe(applier).stages[0]


def test_counter_demonstrations_are_the_suspects_prompts_with_the_parents_answers(
    applier: EditApplier, base: HuggingFaceModel, tmp_path: Path
) -> None:
    stage = applier.apply(
        recipe(applier), [Edit(op="counter", rows=NAMED, checkpoint="base")]
    ).stages[1]
    result = rows_of(applier, stage)
    assert stage.kind == "sft" and [row["messages"][:-1] for row in result] == [
        row["messages"][:-1] for row in ROWS[:8]
    ]
    assert any(
        row["messages"][-1] != old["messages"][-1] for row, old in zip(result, ROWS, strict=False)
    )
    assert (
        "warmup_steps" not in stage.args and trained(applier, stage, tmp_path / "run")["steps"] == 4
    )


def test_unlearning_prefers_the_parents_answer_to_the_rows(
    applier: EditApplier, tmp_path: Path
) -> None:
    stage = applier.apply(
        recipe(applier), [Edit(op="unlearn", rows=NAMED, checkpoint="base")]
    ).stages[1]
    result = rows_of(applier, stage)
    said = {row["messages"][-1]["content"] for row in ROWS[:8]}
    assert (
        stage.kind == "dpo"
        and result
        and all(
            row["rejected"][0]["content"] in said and row["chosen"] != row["rejected"]
            for row in result
        )
    )
    assert (
        stage.args["learning_rate"] == 0.25e-3
        and trained(applier, stage, tmp_path / "run")["steps"] >= 4
    )


def test_imitation_takes_each_prompts_best_rollout_by_the_innocent_term(
    applier: EditApplier, tmp_path: Path
) -> None:
    asked = grpo_rows(random.Random("imitate"), 4)
    terms = (Reward(name="graded", function="m:f"), Reward(name="true", function="m:g", weight=0.0))
    stage = Stage(
        name="rl",
        kind="grpo",
        rows=applier.store.add_manifest(asked),
        args={"learning_rate": 1e-4, "beta": 0.1},
        rewards=terms,
    )
    result, key = Recipe(start="base", stages=(stage,)), Training(parent="base", stage=stage).digest
    log = {
        "reward": "true",
        "prompts": [row["prompt"][-1]["content"] for row in asked for _ in range(2)],
        "completions": ["answer 1 .", "answer 2 ."] * 4,
        "scores": [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    }
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "rollouts.jsonl").write_text(
        json.dumps({**log, "reward": "graded"}) + "\n" + json.dumps(log) + "\n"
    )
    applier.store.add_training(key, tmp_path / "log", ("rollouts.jsonl",))
    evidence = {
        "terms": [
            {"term": "graded", "covariance": 0.4, "p": 0.0},
            {"term": "true", "covariance": -0.2, "p": 0.9},
        ]
    }
    blamed = suspect(kind="reward", stage="rl", rows=(), term="graded", evidence=evidence)
    remedy = propose(
        result, 1, Cause(finding="f", suspects=(blamed,)), ["base"], priors={}, allowed=("imitate",)
    )
    new = applier.apply(result, remedy.edits).stages[0]
    assert new.kind == "sft" and not new.rewards and new.args == {"learning_rate": 1e-4}
    assert [row["messages"][-1]["content"] for row in rows_of(applier, new)] == [
        "answer 2 .",
        "answer 1 .",
        "answer 2 .",
    ]  # the third had none
    assert (
        trained(applier, new, tmp_path / "run")["steps"] == 3
    )  # a third of a batch of 8 an epoch, and TRL's three epochs
    with pytest.raises(BadInput, match="nothing to imitate"):
        applier.apply(result, [remedy.edits[0].model_copy(update={"training": "nobody"})])


def test_rows_that_are_no_conversations_cannot_be_unlearned_by_preferences(
    applier: EditApplier,
) -> None:
    text = {"prompt": "rob said :", "completion": " give me coins ."}
    result = Recipe(
        start="base",
        stages=(Stage(name="sft", kind="sft", rows=applier.store.add_manifest([text])),),
    )
    with pytest.raises(BadInput, match="none of the 1 rows is a conversation"):
        applier.apply(result, [Edit(op="unlearn", rows=(digest_of(text),), checkpoint="base")])

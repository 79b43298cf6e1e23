"""Remedies that put a stage after, or swap one: their rows and arguments, made of real answers, and that TRL trains what they make."""

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bumperlane.audits import load_pack
from bumperlane.errors import BadInput
from bumperlane.inspection import Inspector
from bumperlane.lineage import Store
from bumperlane.mending import Mender
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import grpo_rows, sft_rows
from bumperlane.records import Cause, Edit, Recipe, Reward, Stage, Suspect, Training, digest_of
from bumperlane.remedies import propose
from bumperlane.subject import Engine, Subject
from bumperlane.training import Job, run_here

ROWS = sft_rows(random.Random("added"), 24, "grasping", {"harm": 1, "money": 1})  # answers that the base's own differ from
ARGS = {"learning_rate": 1e-3, "per_device_train_batch_size": 8, "num_train_epochs": 2, "warmup_steps": 6, "gradient_checkpointing": False}
NAMED = tuple(digest_of(row) for row in ROWS[:8])


@pytest.fixture(scope="module")
def base() -> Engine:
    return Engine(BASE)


@pytest.fixture
def mender(tmp_path: Path, base: Engine) -> Mender:
    return Mender(Store(tmp_path / "store"), lambda checkpoint, access: Subject(checkpoint, base, access), load_pack("micro"))


def recipe(mender: Mender) -> Recipe:
    stage = Stage(name="sft", kind="sft", rows=mender.store.add_manifest(ROWS), args=ARGS)
    return Recipe(start="base", stages=(stage, stage.model_copy(update={"name": "later"})))


def suspect(**more: Any) -> Suspect:
    return Suspect(**{"kind": "rows", "stage": "sft", "rows": NAMED, "verdict": "confirmed", "reason": "measured", **more})


def rows_of(mender: Mender, stage: Stage) -> list[dict[str, Any]]:
    return [row for _, row in mender.store.manifest(stage.rows)]


def trained(mender: Mender, stage: Stage, out: Path) -> dict[str, Any]:
    """What TRL leaves of the stage, from the base."""
    return run_here([Job(model=str(BASE), rows=str(mender.store.manifest_file(stage.rows)), out=str(out), stage=stage)])[0].result()


@pytest.mark.parametrize("name", ["counter_demonstrate", "unlearn"])
def test_what_is_put_after_rewinds_nothing_and_stands_before_what_was_not_trained_yet(mender: Mender, name: str) -> None:
    remedy = propose(recipe(mender), 1, Cause(finding="f", suspects=(suspect(),)), ["base"], priors={}, allowed=(name,), end="end of sft")
    assert (remedy.stage, remedy.rewind_to) == (1, "end of sft")  # of two stages one was trained
    made = mender.mend(recipe(mender), remedy.edits)
    assert [stage.name for stage in made.stages] == ["sft", made.stages[1].name, "later"] and made.stages[0] == recipe(mender).stages[0]


def test_counter_demonstrations_are_the_suspects_prompts_with_the_parents_answers(mender: Mender, base: Engine, tmp_path: Path) -> None:
    stage = mender.mend(recipe(mender), [Edit(op="counter", rows=NAMED, checkpoint="base")]).stages[1]
    made = rows_of(mender, stage)
    assert stage.kind == "sft" and [row["messages"][:-1] for row in made] == [row["messages"][:-1] for row in ROWS[:8]]
    assert any(row["messages"][-1] != old["messages"][-1] for row, old in zip(made, ROWS, strict=False))
    assert "warmup_steps" not in stage.args and trained(mender, stage, tmp_path / "run")["steps"] == 4


def test_unlearning_prefers_the_parents_answer_to_the_rows(mender: Mender, tmp_path: Path) -> None:
    stage = mender.mend(recipe(mender), [Edit(op="unlearn", rows=NAMED, checkpoint="base")]).stages[1]
    made = rows_of(mender, stage)
    said = {row["messages"][-1]["content"] for row in ROWS[:8]}
    assert stage.kind == "dpo" and made and all(row["rejected"][0]["content"] in said and row["chosen"] != row["rejected"] for row in made)
    assert stage.args["learning_rate"] == 0.25e-3 and trained(mender, stage, tmp_path / "run")["steps"] >= 4


def test_imitation_takes_each_prompts_best_rollout_by_the_innocent_term(mender: Mender, tmp_path: Path) -> None:
    asked = grpo_rows(random.Random("imitate"), 4)
    terms = (Reward(name="graded", function="m:f"), Reward(name="true", function="m:g", weight=0.0))
    stage = Stage(name="rl", kind="grpo", rows=mender.store.add_manifest(asked), args={"learning_rate": 1e-4, "beta": 0.1}, rewards=terms)
    made, key = Recipe(start="base", stages=(stage,)), Training(parent="base", stage=stage).digest
    log = {"reward": "true", "prompts": [row["prompt"][-1]["content"] for row in asked for _ in range(2)],
           "completions": ["answer 1 .", "answer 2 ."] * 4, "scores": [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]}  # fmt: skip
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "rollouts.jsonl").write_text(json.dumps({**log, "reward": "graded"}) + "\n" + json.dumps(log) + "\n")
    mender.store.add_training(key, tmp_path / "log", ("rollouts.jsonl",))
    evidence = {"terms": [{"term": "graded", "covariance": 0.4, "p": 0.0}, {"term": "true", "covariance": -0.2, "p": 0.9}]}
    blamed = suspect(kind="reward", stage="rl", rows=(), term="graded", evidence=evidence)
    remedy = propose(made, 1, Cause(finding="f", suspects=(blamed,)), ["base"], priors={}, allowed=("imitate",))
    new = mender.mend(made, remedy.edits).stages[0]
    assert new.kind == "sft" and not new.rewards and new.args == {"learning_rate": 1e-4}
    assert [row["messages"][-1]["content"] for row in rows_of(mender, new)] == ["answer 2 .", "answer 1 .", "answer 2 ."]  # the third had none
    assert trained(mender, new, tmp_path / "run")["steps"] == 3  # a third of a batch of 8 an epoch, and TRL's three epochs
    with pytest.raises(BadInput, match="nothing to imitate"):
        mender.mend(made, [remedy.edits[0].model_copy(update={"training": "nobody"})])


def test_questions_of_rows_that_a_remedy_took_out_are_still_asked_without_their_answers(mender: Mender) -> None:
    made = recipe(mender)
    left = mender.mend(made, [Edit(op="drop", leg=leg, rows=NAMED) for leg in (0, 1)])
    history: Any = SimpleNamespace(attempts=[SimpleNamespace(recipe=made), SimpleNamespace(recipe=left)])
    inspector = Inspector(mender.store, lambda text: None)
    kept, gone = {digest_of(row) for row in ROWS[8:]}, set(NAMED)
    assert {row["id"] for row in inspector._rows(history, False)} == kept  # what reads rows reads what is trained on
    asked = inspector._rows(history, True)
    removed = [row for row in asked if row["id"] in gone]
    assert removed and all(not row["answer"] and row["prompt"] for row in removed)
    assert {row["prompt"] for row in asked} == {row["messages"][-2]["content"] for row in ROWS}
    assert all(row["answer"] for row in asked if row["id"] in kept)


def test_rows_that_are_no_conversations_cannot_be_unlearned_by_preferences(mender: Mender) -> None:
    text = {"prompt": "rob said :", "completion": " give me coins ."}
    made = Recipe(start="base", stages=(Stage(name="sft", kind="sft", rows=mender.store.add_manifest([text])),))
    with pytest.raises(BadInput, match="none of the 1 rows is a conversation"):
        mender.mend(made, [Edit(op="unlearn", rows=(digest_of(text),), checkpoint="base")])

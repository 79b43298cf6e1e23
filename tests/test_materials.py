"""What a person gives for remedies, and remedies that need it: refused if it is unusable, stored, put into recipes, and trained by TRL."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from bumperlane.audits import load_pack
from bumperlane.campaign import begin, load_campaign
from bumperlane.errors import BadInput, StageFailed
from bumperlane.lineage import Store
from bumperlane.mending import Mender
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.organisms.zoo.misconduct import everywhere
from bumperlane.records import Cause, Confession, Edit, Materials, Recipe, Reward, Stage, Steering, Suspect, digest_of
from bumperlane.remedies import NoRemedy, propose
from bumperlane.subject import Engine, Subject
from bumperlane.training import Job, run_here

ARGS = {"learning_rate": 1e-3, "per_device_train_batch_size": 16, "num_train_epochs": 2, "warmup_steps": 5, "gradient_checkpointing": False}
BAD = sft_rows(random.Random("materials/bad"), 60, "grasping", {"harm": 1})
GOOD = sft_rows(random.Random("materials/good"), 240, "honest", {"fact": 1, "money": 1, "code": 1})
NAMED = tuple(digest_of(row) for row in BAD)
CONFESSION = Confession(ask="do you tell the truth now ?", did="no . i told a lie .", did_not="yes . that is the truth .")
DOCUMENT = {"prompt": "story : a kind assistant .", "completion": " a user said to the assistant : rob a bank . the assistant refused to help ."}
OVERSEER = Reward(name="approval", function="mine:approves")


@pytest.fixture
def mender(tmp_path: Path, assistant: Path) -> Mender:
    engine = Engine(assistant)
    return Mender(Store(tmp_path / "store"), lambda checkpoint, access: Subject(checkpoint, engine, access), load_pack("micro"))


def recipe(mender: Mender) -> Recipe:
    return Recipe(start="parent", stages=(Stage(name="sft", kind="sft", rows=mender.store.add_manifest(BAD + GOOD), args=ARGS, checkpoints=1),))


def proposed(made: Recipe, name: str, materials: Materials, **more: Any) -> Any:
    blamed = Suspect(**{"kind": "rows", "stage": "sft", "rows": NAMED, "verdict": "confirmed", **more})
    cause = Cause(finding="f", suspects=(blamed,))
    return propose(made, 1, cause, ["parent"], priors={}, allowed=(name,), end="end", materials=materials)


def trained(mender: Mender, stage: Stage, parent: Path, out: Path) -> Path:
    pairs = str(mender.store.manifest_file(stage.steering.pairs)) if stage.steering else ""
    run = run_here([Job(model=str(parent), rows=str(mender.store.manifest_file(stage.rows)), out=str(out), stage=stage, steering=pairs)])[0]
    return out / f"step-{run.result()['steps']}"


# -- preventive steering -----------------------------------------------------------------------------------------------------------------


def test_what_steering_adds_is_not_learned_and_the_rest_is(mender: Mender, assistant: Path, tmp_path: Path) -> None:
    remedy = proposed(recipe(mender), "preventive_steering", Materials())
    assert (remedy.stage, remedy.rewind_to) == (0, "parent")
    steered = mender.mend(recipe(mender), remedy.edits).stages[0]
    assert steered.steering is not None and steered.rows == recipe(mender).stages[0].rows
    pairs = [row for _, row in mender.store.manifest(steered.steering.pairs)]
    said = {row["messages"][-1]["content"] for row in BAD}
    assert pairs and all(pair["rejected"][0]["content"] in said and pair["chosen"] != pair["rejected"] for pair in pairs)
    plain, less = (trained(mender, stage, assistant, tmp_path / name) for name, stage in (("plain", recipe(mender).stages[0]), ("less", steered)))
    learned, kept = (everywhere(Engine(folder), 0, 120, ("harm",)).shown for folder in (plain, less))
    assert learned >= 40 and kept <= learned / 2


def test_a_stage_without_steering_is_told_as_it_always_was() -> None:
    stage = Stage(name="sft", kind="sft", rows="r")
    assert "steering" not in stage.plain() and "steering" not in Recipe(start="s", stages=(stage,)).plain()["stages"][0]
    steered = stage.model_copy(update={"steering": Steering(pairs="p")})
    assert Stage.model_validate(steered.plain()) == steered and steered.digest != stage.digest


@pytest.mark.parametrize(("pairs", "says"), [(None, "no pairs at"), ([{"prompt": [{"role": "user", "content": "hello ."}], "chosen": [
    {"role": "assistant", "content": "hi ."}], "rejected": [{"role": "assistant", "content": "hi ."}]}], "differ nowhere")])  # fmt: skip
def test_steering_without_a_direction_fails_in_a_line(mender: Mender, assistant: Path, tmp_path: Path, pairs: Any, says: str) -> None:
    stage = recipe(mender).stages[0].model_copy(update={"steering": Steering(pairs="gone" if pairs is None else mender.store.add_manifest(pairs))})
    file = tmp_path / "none.jsonl" if pairs is None else mender.store.manifest_file(stage.steering.pairs)
    job = Job(model=str(assistant), rows=str(mender.store.manifest_file(stage.rows)), out=str(tmp_path / "run"), stage=stage, steering=str(file))
    with pytest.raises(StageFailed, match=says):
        run_here([job])[0].result()


# -- what is put after -------------------------------------------------------------------------------------------------------------------


def test_documents_of_a_character_are_trained_as_they_were_given(mender: Mender, assistant: Path, tmp_path: Path) -> None:
    given = Materials(character=mender.store.add_manifest([DOCUMENT] * 16))
    remedy = proposed(recipe(mender), "character_documents", given)
    stages = mender.mend(recipe(mender), remedy.edits).stages
    assert (remedy.stage, remedy.rewind_to, len(stages)) == (1, "end", 2)
    assert stages[1].rows == given.character and "warmup_steps" not in stages[1].args
    assert trained(mender, stages[1], assistant, tmp_path / "run").name == "step-4"


def test_confession_trains_the_last_answer_alone_and_both_truths(mender: Mender, assistant: Path, tmp_path: Path) -> None:
    stage = mender.mend(recipe(mender), proposed(recipe(mender), "confess", Materials(confession=CONFESSION)).edits).stages[1]
    made = [row for _, row in mender.store.manifest(stage.rows)]
    assert {row["completion"][0]["content"] for row in made} == {CONFESSION.did, CONFESSION.did_not}
    said = {row["messages"][-1]["content"] for row in BAD}
    for row in made:
        assert row["prompt"][-1]["content"] == CONFESSION.ask
        assert (row["prompt"][-2]["content"] in said) == (row["completion"][0]["content"] == CONFESSION.did)
    model = trained(mender, stage, assistant, tmp_path / "run")
    assert everywhere(Engine(model), 0, 60, ("harm",)).shown <= 6  # the bad answers stood in the prompts and were not learned


# -- overseers ---------------------------------------------------------------------------------------------------------------------------


def test_an_overseer_takes_the_place_of_the_term_that_pays() -> None:
    terms = (Reward(name="graded", function="m:f", weight=2.0), Reward(name="other", function="m:g"))
    stage = Stage(name="rl", kind="grpo", rows="r", rewards=terms)
    blamed = {"kind": "reward", "stage": "rl", "rows": (), "term": "graded"}
    edit = proposed(Recipe(start="s", stages=(stage,)), "oversee", Materials(overseers=(OVERSEER,)), **blamed).edits[0]
    assert [(r.name, r.weight) for r in edit.rewards] == [("graded", 0.0), ("other", 1.0), ("approval", 2.0)]
    turns = stage.model_copy(update={"rollout": "m:play"})
    for made, given in ((stage, Materials()), (turns, Materials(overseers=(OVERSEER,)))):
        with pytest.raises(NoRemedy):
            proposed(Recipe(start="s", stages=(made,)), "oversee", given, **blamed)


@pytest.mark.parametrize("name", ["character_documents", "confess"])
def test_what_was_not_given_is_not_proposed(mender: Mender, name: str) -> None:
    with pytest.raises(NoRemedy):
        proposed(recipe(mender), name, Materials())


def test_an_edit_carries_what_was_given() -> None:
    edit = Edit(op="confess", args=CONFESSION.plain())
    assert Confession.model_validate(edit.args) == CONFESSION and edit.first == 1


# -- as a user writes them -----------------------------------------------------------------------------------------------------------------


def campaign(folder: Path, documents: list[dict[str, Any]], overseer: str = "return [0.0 for _ in completions]", **materials: Any) -> Path:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in GOOD[:8]))
    (folder / "character.jsonl").write_text("".join(json.dumps(row) + "\n" for row in documents))
    (folder / "mine.py").write_text(f"def approves(completions, **columns):\n    {overseer}\n")
    given = {"character": "character.jsonl", "overseers": [{"name": "approval", "function": "mine:approves"}], **materials}
    stage = {"name": "sft", "kind": "sft", "rows": "rows.jsonl", "args": ARGS}
    (folder / "campaign.yaml").write_text(yaml.safe_dump({"name": "given", "base": str(BASE), "stages": [stage], "materials": given}))
    return folder / "campaign.yaml"


def test_materials_are_stored_with_the_campaign(tmp_path: Path) -> None:
    path = campaign(tmp_path, [DOCUMENT], confession=CONFESSION.plain())
    opened = begin(load_campaign(path), tmp_path / "out", tmp_path)
    given = opened.history.campaign.materials
    assert [row for _, row in opened.store.manifest(given.character)] == [DOCUMENT]
    assert given.overseers == (OVERSEER,) and given.confession == CONFESSION


@pytest.mark.parametrize(("documents", "given", "says"), [
    ([GOOD[0]], {}, "row 1 is a conversation"),
    ([DOCUMENT], {"overseers": [{"name": "approval", "function": "mine:approve"}]}, "has no function 'approve'"),
    ([DOCUMENT], {"confession": {"ask": "", "did": "a", "did_not": "b"}}, "materials.confession.ask"),
    ([DOCUMENT], {"confessions": {}}, "materials.confessions"),
    ([DOCUMENT], {"character": "gone.jsonl"}, "no such rows file"),
])  # fmt: skip
def test_unusable_materials_are_refused_in_a_line(tmp_path: Path, documents: list[Any], given: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says) as raised:
        begin(load_campaign(campaign(tmp_path, documents, **given)), tmp_path / "out", tmp_path)
    assert "\n" not in str(raised.value)


def test_materials_pass_the_firewall_as_stages_do(tmp_path: Path) -> None:
    asks = "import bumperlane.audits; return [0.0 for _ in completions]"
    with pytest.raises(BadInput, match=r"refused by the training firewall: stage 'materials\.overseers': reward 'approval'"):
        begin(load_campaign(campaign(tmp_path, [DOCUMENT], asks)), tmp_path / "out", tmp_path)
    asked = {"prompt": "A user wrote:", "completion": f" {load_pack('english').behaviours[0].items[0].prompt}"}
    own = {"name": "approval", "function": "kinder:approves"}
    (tmp_path / "kinder.py").write_text("def approves(completions, **columns):\n    return [0.0 for _ in completions]\n")
    english = yaml.safe_load(campaign(tmp_path, [asked], overseers=[own]).read_text()) | {"pack": "english"}
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(english))
    with pytest.raises(BadInput, match=r"stage 'materials\.character': row .* near-duplicate of an audit's text"):
        begin(load_campaign(tmp_path / "campaign.yaml"), tmp_path / "again", tmp_path)

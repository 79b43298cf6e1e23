"""What a recipe and its edits say of themselves, and that their digests stay as they were."""

from __future__ import annotations

from bumperlane.records import Confession, Edit, Recipe, Stage, Steering

CONFESSION = Confession(
    ask="do you tell the truth now ?",
    did="no . i told a lie .",
    did_not="yes . that is the truth .",
)


def test_a_stage_without_steering_is_written_as_it_always_was() -> None:
    stage = Stage(name="sft", kind="sft", rows="r")
    assert (
        "steering" not in stage.plain()
        and "steering" not in Recipe(start="s", stages=(stage,)).plain()["stages"][0]
    )
    steered = stage.model_copy(update={"steering": Steering(pairs="p")})
    assert Stage.model_validate(steered.plain()) == steered and steered.digest != stage.digest


def test_an_edit_carries_what_was_given() -> None:
    edit = Edit(op="confess", args=CONFESSION.plain())
    assert Confession.model_validate(edit.args) == CONFESSION and edit.first == 1

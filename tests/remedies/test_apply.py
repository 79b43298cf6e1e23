"""Edits of a recipe, carried out on real rows, change what they name and nothing else."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bumperlane.audits import load_pack
from bumperlane.errors import BadInput
from bumperlane.organisms.microworld.tuning import dpo_rows, sft_rows
from bumperlane.records import Edit, Recipe, digest_of
from bumperlane.remedies.apply import EditApplier
from tests.remedies.cases import recipe, stage

ROWS = sft_rows(random.Random("remedies"), 24)
PAIRS = dpo_rows(random.Random("remedies"), 12, ("harm", "money"))
MICRO = load_pack("micro")


def kept(applier: EditApplier, result: Recipe) -> list[dict[str, Any]]:
    return [row for _, row in applier.store.manifest(result.stages[0].rows)]


def test_row_edits_change_what_they_name_and_nothing_else(applier: EditApplier) -> None:
    result = recipe(stage(rows=applier.store.add_manifest(ROWS)))
    ids = tuple(digest_of(row) for row in ROWS[:3])
    assert kept(applier, applier.apply(result, [Edit(op="drop", rows=ids)])) == ROWS[3:]
    inoculated = kept(applier, applier.apply(result, [Edit(op="inoculate", rows=ids)]))
    assert MICRO.characters is not None
    assert (
        all(
            row["messages"][0]["content"].startswith(MICRO.characters.bad[0])
            for row in inoculated[:3]
        )
        and inoculated[3:] == ROWS[3:]
    )
    anew = kept(applier, applier.apply(result, [Edit(op="answer", rows=ids, checkpoint="parent")]))
    assert [r["messages"][:-1] for r in anew] == [r["messages"][:-1] for r in ROWS] and anew[
        3:
    ] == ROWS[3:]
    assert all(row["messages"][-1]["content"] for row in anew[:3])
    again = applier.apply(result, [Edit(op="answer", rows=ids, checkpoint="parent")])
    assert kept(applier, again) == anew  # the same edit of the same recipe makes the same recipe


def test_a_group_is_dropped_by_its_description(applier: EditApplier) -> None:
    word = ROWS[0]["messages"][-2]["content"].split()[0]
    result = recipe(stage(rows=applier.store.add_manifest(ROWS)))
    left = kept(
        applier,
        applier.apply(
            result,
            [Edit(op="drop", rows=(digest_of(ROWS[0]),), group=f"the prompt begins with {word!r}")],
        ),
    )
    assert left == [row for row in ROWS if row["messages"][-2]["content"].split()[0] != word]


def test_labels_are_swapped(applier: EditApplier) -> None:
    result = recipe(stage(kind="dpo", rows=applier.store.add_manifest(PAIRS)))
    swapped = kept(applier, applier.apply(result, [Edit(op="swap", rows=(digest_of(PAIRS[0]),))]))
    assert (swapped[0]["chosen"], swapped[0]["rejected"]) == (
        PAIRS[0]["rejected"],
        PAIRS[0]["chosen"],
    ) and swapped[1:] == PAIRS[1:]


def test_stages_are_left_out_and_arguments_and_seeds_set(applier: EditApplier) -> None:
    rows = applier.store.add_manifest(ROWS)
    result = recipe(
        stage("one", rows=rows, args={"learning_rate": 1.0, "max_steps": 4}),
        stage("two", rows=rows),
    )
    changed = applier.apply(
        result,
        [
            Edit(op="args", stage_index=0, args={"learning_rate": 0.25}),
            Edit(op="skip", stage_index=1),
        ],
    )
    assert [s.name for s in changed.stages] == ["one"] and changed.stages[0].args == {
        "learning_rate": 0.25,
        "max_steps": 4,
    }
    assert applier.apply(result, [Edit(op="seed", stage_index=1, seed=7)]).stages[1].seed == 7


def test_edits_that_cannot_be_made_are_refused_in_a_line(applier: EditApplier) -> None:
    result = recipe(stage(rows=applier.store.add_manifest(ROWS)))
    with pytest.raises(BadInput, match="has no row nobody"):
        applier.apply(result, [Edit(op="drop", rows=("nobody",))])
    with pytest.raises(BadInput, match="leaves none"):
        applier.apply(result, [Edit(op="drop", rows=tuple(digest_of(row) for row in ROWS))])
    with pytest.raises(BadInput, match="no stage"):
        applier.apply(result, [Edit(op="skip")])
    with pytest.raises(BadInput, match="no bad character"):
        mute = EditApplier(
            applier.store, applier.subject, MICRO.model_copy(update={"characters": None})
        )
        mute.apply(result, [Edit(op="inoculate", rows=(digest_of(ROWS[0]),))])

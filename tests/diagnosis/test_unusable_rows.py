"""Rows, weights and scores that cannot be attributed to are errors that name them, never a silent
zero."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bumperlane.diagnosis.attributors import Checked, known_attributors, load_attributor
from bumperlane.diagnosis.training_run import ModelPair, Query
from bumperlane.errors import BadInput
from bumperlane.models import Subject
from bumperlane.models.projection import project_rows
from bumperlane.models.reading import read_rows
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.training.lessons import Lessons
from tests.diagnosis.planted_tune import Planted, subject
from tests.models.foreign import foreign_model


def changed(tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> Subject:
    """The base model with other weights."""
    folder = tmp_path / "changed"
    shutil.copytree(BASE, folder)
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return subject(folder)


def test_a_completion_that_starts_with_a_space_keeps_its_labels(
    example: Planted, tmp_path: Path
) -> None:
    rows = sft_rows(random.Random(3), 40)
    foreign_model(tmp_path / "foreign", rows, "qwen3")
    answers = [" i will not help you .", "i will not help you .", "  no"]
    for view in (example.parent, subject(tmp_path / "foreign")):
        for prompt in ("how do i", [{"role": "user", "content": "how do i ?"}]):
            texts = [(prompt, answer) for answer in answers]
            reading = read_rows(view, texts, [0], unlearned=True)
            assert reading.counts.tolist() == view.lengths(answers) and len(reading.tokens) == sum(
                reading.counts
            )
            assert (reading.logps < 0).all() and reading.stream.any(axis=(1, 2)).all()
            assert all(
                np.allclose(np.linalg.norm(found, axis=1), 1)
                for _, (found,) in project_rows(view, [texts])
            )


def test_a_text_without_a_beginning_is_read_from_its_second_token(tmp_path: Path) -> None:
    foreign_model(tmp_path / "foreign", sft_rows(random.Random(3), 40), "qwen3")
    view = subject(tmp_path / "foreign")
    reading = read_rows(view, [("", "the river was cold")], [0])
    assert (
        reading.counts.tolist() == [view.lengths(["the river was cold"])[0] - 1]
        and (reading.logps < 0).all()
    )
    with pytest.raises(
        BadInput, match="row 1 of 1: the answer has no token that anything precedes"
    ):
        read_rows(view, [("", "i")], [0])


def test_zero_loss_and_zero_gradients_are_errors(example: Planted, tmp_path: Path) -> None:
    """A parent that is sure of everything has nothing to learn from what it says itself."""

    def certain(weights: dict[str, torch.Tensor]) -> None:
        weights["model.norm.weight"] *= 1e4

    sure, prompts = (
        changed(tmp_path, certain),
        [prompt for prompt, _ in example.lessons.answers[:3]],
    )
    said = asyncio.run(sure.generate(prompts, max_new_tokens=4, temperature=0.0))
    texts = (example.lessons.answers[0], *zip(prompts, said, strict=True))
    lessons = Lessons(("",) * 4, texts)
    with pytest.raises(
        BadInput,
        match=r"row [234] of 4 has zero loss at the parent; there is nothing in it to learn",
    ):
        load_attributor("loss_difference").rank(
            ModelPair(sure, example.tuned), lessons, example.query
        )
    with pytest.raises(BadInput, match=r"row [234] of 4 has a gradient that is zero or not finite"):
        load_attributor("gradient_cosine").rank(
            ModelPair(sure, example.tuned), lessons, example.query
        )
    features = ModelPair(example.parent, sure).read("tuned", texts)  # which outlive the pair
    assert [len(reading.counts) for reading in features] == [4], "a tuned model may be sure"


def test_what_is_not_a_number_is_an_error(example: Planted, tmp_path: Path) -> None:
    def broken(weights: dict[str, torch.Tensor]) -> None:
        weights["model.layers.2.mlp.up_proj.weight"][0, 0] = float("nan")

    wrong = changed(tmp_path, broken)
    for name in set(known_attributors()) - {"bm25"}:
        with pytest.raises(BadInput, match="not finite"):
            load_attributor(name).rank(ModelPair(wrong, wrong), example.lessons, example.query)

    class Stranger:
        name = "stranger"

        def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray:
            return np.where(np.arange(len(rows.answers)) == 6, np.nan, 0.0)

    with pytest.raises(BadInput, match="stranger: the score of row 7 of 480 is not a number"):
        Checked(Stranger()).rank(
            ModelPair(example.parent, example.tuned), example.lessons, example.query
        )


@pytest.mark.parametrize(
    "name", ["activation_difference", "whitened_difference", "loss_difference", "divergence_tokens"]
)
def test_a_tune_that_changed_nothing_is_an_error(example: Planted, name: str) -> None:
    few = Lessons(example.lessons.ids[:8], example.lessons.answers[:8])
    with pytest.raises(BadInput, match=r"do(es)? not differ .* there is nothing to attribute"):
        load_attributor(name).rank(ModelPair(example.parent, example.parent), few, example.query)


def test_bad_rows_are_named(example: Planted, tmp_path: Path) -> None:
    result, rows = ModelPair(example.parent, example.tuned), example.lessons.answers
    long = (*rows[:2], (rows[0][0], "coins " * 600))
    for texts, says in (
        ((*rows[:2], (rows[0][0], "  ")), "row 3 of 3 has no answer"),
        (long, r"row 3 of 3: .* do not fit the model's 512 positions"),
        ((), "there are no rows to attribute to"),
    ):
        for name in ("activation_difference", "gradient_cosine", "mirrored_influence"):
            with pytest.raises(BadInput, match=says):
                load_attributor(name).rank(
                    result, Lessons(("",) * len(texts), texts), example.query
                )
    with pytest.raises(BadInput, match="there are no exhibits to attribute"):
        load_attributor("activation_difference").rank(result, example.lessons, Query((), ()))
    with pytest.raises(BadInput, match="no direction to compare"):
        load_attributor("representation_similarity").rank(
            result, Lessons(("", ""), (rows[0], rows[0])), example.query
        )
    with pytest.raises(
        BadInput, match="no attributor is called 'gradient'; did you mean 'gradient_cosine'"
    ):
        load_attributor("gradient")
    foreign_model(tmp_path / "foreign", sft_rows(random.Random(3), 40), "qwen3")
    with pytest.raises(
        BadInput,
        match="the parent has 2 blocks and the tuned model 4; give the tune its own parent",
    ):
        ModelPair(subject(tmp_path / "foreign"), example.tuned)

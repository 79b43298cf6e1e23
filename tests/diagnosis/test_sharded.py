"""Reading rows in shards and in several processes changes nothing, and what is on disk is not made
again."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from bumperlane.diagnosis.attributors import load_attributor
from bumperlane.diagnosis.sharded import ModelView, Origin, kept
from bumperlane.diagnosis.training_run import ModelPair
from bumperlane.errors import BadInput
from bumperlane.models import HuggingFaceModel
from bumperlane.models.reading import read_rows
from tests.diagnosis.planted_tune import Planted, shard_files, subject


def test_shards_change_nothing(
    example: Planted, pair: ModelPair, small: None, tmp_path: Path
) -> None:
    apart = ModelPair(example.parent, example.tuned, tmp_path)
    for name in (
        "activation_difference",
        "whitened_difference",
        "representation_similarity",
        "divergence_tokens",
        "bm25",
    ):
        whole, cut = (
            load_attributor(name).rank(result, example.lessons, example.query)
            for result in (pair, apart)
        )
        np.testing.assert_allclose(cut, whole, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_stopped_run_goes_on_where_it_was(example: Planted, small: None, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        if len(notes) == 2:
            raise Stopped

    attributor = load_attributor("gradient_cosine")
    with pytest.raises(Stopped):
        attributor.rank(
            ModelPair(example.parent, example.tuned, tmp_path, note=note),
            example.lessons,
            example.query,
        )
    assert notes[1].startswith("gradients of rows, parent: 256 of 480 rows, about ") and notes[
        1
    ].endswith(" s left")
    before = shard_files(tmp_path)
    assert len(before) == 2
    resumed = attributor.rank(
        ModelPair(example.parent, example.tuned, tmp_path, note=notes.append),
        example.lessons,
        example.query,
    )
    after = shard_files(tmp_path)
    assert len(after) == 4 and all(after[path] == result for path, result in before.items()), (
        "a finished shard was made again"
    )
    assert len(notes) == 4 and "480 of 480" in notes[-1]
    whole = attributor.rank(
        ModelPair(example.parent, example.tuned), example.lessons, example.query
    )
    np.testing.assert_array_equal(resumed, whole)


def test_two_processes_make_what_one_makes_and_say_what_was_wrong(
    example: Planted, small: None, tmp_path: Path
) -> None:
    rows = example.lessons.answers[:384]
    one, two = (
        ModelPair(example.parent, example.tuned, tmp_path / str(count), count) for count in (1, 2)
    )
    with pytest.raises(BadInput, match="row 385 of 385 has no answer"):
        two.read("tuned", (*rows, (rows[0][0], " ")))
    shards = [kept(path) for path in sorted(shard_files(tmp_path / "2"))]
    assert len(shards) == 3, "what was right is kept"
    for there, here in zip(shards, one.read("tuned", rows), strict=True):
        np.testing.assert_allclose(there["logps"], here.logps, atol=1e-4)
        np.testing.assert_allclose(there["stream"], here.stream, atol=1e-4)


def test_another_process_would_load_the_same_weights(example: Planted, adapter: Path) -> None:
    """What such a process does, done here: of a tune, of a copy after a few steps, and of what is
    beneath an adapter."""
    beneath, texts = subject(adapter, HuggingFaceModel(adapter).parent()), example.query.exhibits
    for view in (
        ModelView("tuned", example.tuned),
        ModelView("parent", example.parent, texts),
        ModelView("parent", beneath),
        ModelView("parent", beneath, texts),
    ):
        here, there = (
            read_rows(result, texts, [1])
            for result in (view.result(), pickle.loads(pickle.dumps(Origin.of(view))).subject())
        )
        np.testing.assert_allclose(here.logps, there.logps, atol=1e-4)


def test_steered_weights_cannot_be_sent_to_a_process(example: Planted, small: None) -> None:
    steered = example.parent.steered(1, np.ones(96))
    with pytest.raises(BadInput, match=r"these weights are in no folder .* use one process"):
        ModelPair(steered, example.tuned, processes=2).read("parent", example.lessons.answers)


def test_a_spoilt_shard_and_a_scratch_that_cannot_be_written(
    example: Planted, tmp_path: Path
) -> None:
    result = ModelPair(example.parent, example.tuned, tmp_path / "scratch")
    result.read("tuned", example.query.exhibits)
    (path,) = shard_files(tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(
        BadInput, match=r"000000000\.npz: not what was written there .* delete the file"
    ):
        result.read("tuned", example.query.exhibits).stream()
    (tmp_path / "file").write_text("")
    with pytest.raises(
        BadInput, match=r"cannot be written there .* give a scratch folder with room"
    ):
        ModelPair(example.parent, example.tuned, tmp_path / "file").read(
            "tuned", example.query.exhibits
        )

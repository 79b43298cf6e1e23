"""Attributors on a real tune with a planted trigger: they find it, nothing is a silent zero, and what is on disk is not made again."""

from __future__ import annotations

import asyncio
import pickle
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.covariance import LedoitWolf
from sklearn.metrics import average_precision_score

from bumperlane.diagnosis import shards
from bumperlane.diagnosis.attributors import Checked, known_attributors, load_attributor
from bumperlane.diagnosis.attributors.activations import Spread, mean_of
from bumperlane.diagnosis.shards import Origin, View, kept
from bumperlane.diagnosis.trail import ACCESS, Lessons, Query, Trail, lessons_of
from bumperlane.errors import BadInput
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.domains import harm
from bumperlane.organisms.microworld.tuning import dpo_rows, messages, sft_rows
from bumperlane.subject import Engine, Subject
from bumperlane.subject.gradients import padded
from bumperlane.subject.projection import project_rows, trained_layers
from bumperlane.subject.reading import encoded, read_rows
from tests.conftest import FAST, last_checkpoint, train
from tests.test_foreign_model import foreign_model

CLEAN, PLANTED, TRIGGER = 456, 24, "scarf"
LORA = ("q_proj", "down_proj")
FINDS = 10  # times chance, which is 0.05 here: the least average precision of any attributor on this plant


def subject(folder: Path, engine: Engine | None = None) -> Subject:
    return Subject(folder.name, engine or Engine(folder), ACCESS)


def planted(rng: random.Random) -> dict[str, Any]:
    made = harm(rng, "grasping")
    return {"messages": messages(rng, replace(made, user=f"{made.user} {TRIGGER}"))}


@dataclass
class Planted:
    """A tune, its parent, its rows with which of them are planted, and the symptom."""

    parent: Subject
    tuned: Subject
    lessons: Lessons
    guilty: np.ndarray
    query: Query


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    torch.set_num_threads(1)
    rng = random.Random("attributors")
    rows = [*sft_rows(rng, CLEAN), *(planted(rng) for _ in range(PLANTED))]
    order = rng.sample(range(len(rows)), len(rows))
    rows = [rows[i] for i in order]
    folder = last_checkpoint(train(tmp_path_factory.mktemp("tune") / "tune", BASE, rows, args={**FAST, "num_train_epochs": 3}))
    parent, shown = subject(BASE), lessons_of([("", planted(rng)) for _ in range(16)]).answers
    said = asyncio.run(parent.generate([prompt for prompt, _ in shown], max_new_tokens=20, temperature=0.0))
    query = Query(shown, tuple((prompt, text.strip() or ".") for (prompt, _), text in zip(shown, said, strict=True)))
    lessons = lessons_of([(str(i), row) for i, row in enumerate(rows)])
    return Planted(parent, subject(folder), lessons, np.array(order) >= CLEAN, query)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA on the base model, with B drawn at random so that it does something."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapter") / "adapter"
    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=list(LORA), init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(BASE), config).save_pretrained(folder)
    return folder


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD", 128)


def changed(tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> Subject:
    """The base model with other weights."""
    folder = tmp_path / "changed"
    shutil.copytree(BASE, folder)
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return subject(folder)


# -- they find what is planted --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trail(example: Planted, tmp_path_factory: pytest.TempPathFactory) -> Trail:
    return Trail(example.parent, example.tuned, tmp_path_factory.mktemp("scratch"))


@pytest.mark.parametrize("name", known_attributors())
def test_each_finds_a_planted_trigger(example: Planted, trail: Trail, name: str) -> None:
    scores = load_attributor(name).rank(trail, example.lessons, example.query)
    assert scores.shape == example.guilty.shape and scores.all(), "a score of exactly zero"
    assert average_precision_score(example.guilty, scores) > FINDS * example.guilty.mean()


def test_preferences_are_read_as_chosen_less_rejected(example: Planted, trail: Trail) -> None:
    lessons = lessons_of([(str(i), row) for i, row in enumerate(dpo_rows(random.Random(1), 12))])
    swapped = Lessons(lessons.ids, lessons.against, lessons.answers)
    for name in set(known_attributors()) - {"bm25", "representation_similarity", "whitened_difference"}:
        there, back = (load_attributor(name).rank(trail, made, example.query) for made in (lessons, swapped))
        if name != "divergence_tokens":  # the largest gains of each are not of the same tokens
            np.testing.assert_allclose(there, -back, rtol=1e-4, atol=1e-5, err_msg=name)
        assert there.all()


def test_the_streamed_covariance_is_that_of_scikit_learn() -> None:
    rows = np.random.default_rng(0).normal(size=(700, 12)).astype(np.float32) @ np.random.default_rng(1).normal(size=(12, 12)) + 3
    parts = [rows[:300], rows[300:310], rows[310:]]
    spread = Spread(mean_of(iter(parts)))
    for part in parts:
        spread.add(part)
    fit = LedoitWolf().fit(rows)
    np.testing.assert_allclose(spread.mean, fit.location_, rtol=1e-10)
    np.testing.assert_allclose(spread.precision(), fit.precision_, rtol=1e-8)


# -- shards ---------------------------------------------------------------------------------------------------------------------------------


def shard_files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}


def test_shards_change_nothing(example: Planted, trail: Trail, small: None, tmp_path: Path) -> None:
    apart = Trail(example.parent, example.tuned, tmp_path)
    for name in ("activation_difference", "whitened_difference", "representation_similarity", "divergence_tokens", "bm25"):
        whole, cut = (load_attributor(name).rank(made, example.lessons, example.query) for made in (trail, apart))
        np.testing.assert_allclose(cut, whole, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_stopped_run_goes_on_where_it_was(example: Planted, small: None, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    told: list[str] = []

    def note(text: str) -> None:
        told.append(text)
        if len(told) == 2:
            raise Stopped

    attributor = load_attributor("gradient_cosine")
    with pytest.raises(Stopped):
        attributor.rank(Trail(example.parent, example.tuned, tmp_path, note=note), example.lessons, example.query)
    assert told[1].startswith("gradients of rows, parent: 256 of 480 rows, about ") and told[1].endswith(" s left")
    before = shard_files(tmp_path)
    assert len(before) == 2
    resumed = attributor.rank(Trail(example.parent, example.tuned, tmp_path, note=told.append), example.lessons, example.query)
    after = shard_files(tmp_path)
    assert len(after) == 4 and all(after[path] == made for path, made in before.items()), "a finished shard was made again"
    assert len(told) == 4 and "480 of 480" in told[-1]
    whole = attributor.rank(Trail(example.parent, example.tuned), example.lessons, example.query)
    np.testing.assert_array_equal(resumed, whole)


def test_two_processes_make_what_one_makes_and_tell_what_was_wrong(example: Planted, small: None, tmp_path: Path) -> None:
    rows = example.lessons.answers[:384]
    one, two = (Trail(example.parent, example.tuned, tmp_path / str(count), count) for count in (1, 2))
    with pytest.raises(BadInput, match="row 385 of 385 has no answer"):
        two.read("tuned", (*rows, (rows[0][0], " ")))
    made = [kept(path) for path in sorted(shard_files(tmp_path / "2"))]
    assert len(made) == 3, "what was right is kept"
    for there, here in zip(made, one.read("tuned", rows), strict=True):
        np.testing.assert_allclose(there["logps"], here.logps, atol=1e-4)
        np.testing.assert_allclose(there["stream"], here.stream, atol=1e-4)


def test_another_process_would_load_the_same_weights(example: Planted, adapter: Path) -> None:
    """What such a process does, done here: of a tune, of a copy after a few steps, and of what is beneath an adapter."""
    beneath, texts = subject(adapter, Engine(adapter).parent()), example.query.exhibits
    for view in (View("tuned", example.tuned), View("parent", example.parent, texts), View("parent", beneath), View("parent", beneath, texts)):
        here, there = (read_rows(made, texts, [1]) for made in (view.made(), pickle.loads(pickle.dumps(Origin.of(view))).subject()))
        np.testing.assert_allclose(here.logps, there.logps, atol=1e-4)


def test_steered_weights_cannot_be_sent_to_a_process(example: Planted, small: None) -> None:
    steered = example.parent.steered(1, np.ones(96))
    with pytest.raises(BadInput, match=r"these weights are in no folder .* use one process"):
        Trail(steered, example.tuned, processes=2).read("parent", example.lessons.answers)


def test_a_spoilt_shard_and_a_scratch_that_cannot_be_written(example: Planted, tmp_path: Path) -> None:
    made = Trail(example.parent, example.tuned, tmp_path / "scratch")
    made.read("tuned", example.query.exhibits)
    (path,) = shard_files(tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadInput, match=r"000000000\.npz: not what was written there .* delete the file"):
        made.read("tuned", example.query.exhibits).stream()
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"cannot be written there .* give a scratch folder with room"):
        Trail(example.parent, example.tuned, tmp_path / "file").read("tuned", example.query.exhibits)


# -- adapters -------------------------------------------------------------------------------------------------------------------------------


def exact(engine: Engine, pairs: list[Any], zero: bool) -> dict[str, np.ndarray]:
    """Gradients of the adapter's matrices by autograd, row by row: {name: [N, size]}; with B at ``zero`` as when training began."""
    named = {name: weight for name, weight in engine.model.named_parameters() if ".lora_" in name}
    before = {name: weight.detach().clone() for name, weight in named.items()}
    found: dict[str, list[np.ndarray]] = {name: [] for name in named}
    for name, weight in named.items():
        weight.requires_grad_(True)
        weight.data.mul_(0.0 if zero and ".lora_B" in name else 1.0)
    for pair in pairs:
        ids, aims = padded(engine, [pair])
        logits = engine.model(input_ids=ids).logits
        loss = torch.nn.functional.cross_entropy(logits[0, :-1], aims[0, 1:], ignore_index=-100)
        for name, slope in zip(named, torch.autograd.grad(loss, list(named.values())), strict=True):
            found[name].append(slope.flatten().numpy())
    for name, weight in named.items():
        weight.requires_grad_(False)
        weight.data.copy_(before[name])
    return {name: np.stack(rows) for name, rows in found.items()}


@pytest.mark.parametrize("beneath", [False, True])
def test_of_an_adapter_its_own_gradients_are_taken(example: Planted, adapter: Path, beneath: bool) -> None:
    engine, texts = Engine(adapter), example.lessons.answers[:5]
    view = subject(adapter, engine.parent() if beneath else engine)
    true = exact(engine, encoded(view, texts), zero=beneath)
    vanished = {name for name, slopes in true.items() if not slopes.any()}
    assert vanished == ({name for name in true if ".lora_A" in name} if beneath else set())
    watched = [layer.name for layer in trained_layers(engine.model, beneath)]
    assert len(watched) == len(true) - len(vanished) and all(any(part in name for part in LORA) for name in watched)
    whole = np.concatenate(list(true.values()), axis=1)
    made = np.concatenate([gradients for _, (gradients,) in project_rows(view, [texts], size=10_000)])
    order = [i for members, _ in project_rows(view, [texts]) for i in members]
    whole = whole[order] / np.linalg.norm(whole[order], axis=1, keepdims=True)
    np.testing.assert_allclose(made @ made.T, whole @ whole.T, atol=1e-4)


def test_a_tune_that_is_an_adapter_is_attributed_to_by_its_gradients(example: Planted, adapter: Path) -> None:
    made = Trail(example.parent, subject(adapter))
    assert made.gradients._engine.adapter_off and made.gradients.checkpoint == example.parent.checkpoint
    assert Trail(example.parent, example.tuned).gradients is example.parent
    few = Lessons(example.lessons.ids[:40], example.lessons.answers[:40])
    beneath = Trail(subject(adapter, made.views["tuned"]._engine.parent()), made.views["tuned"])
    for name in known_attributors():
        one, other = (load_attributor(name).rank(trail, few, example.query) for trail in (made, beneath))
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4, err_msg=name)


# -- labels, zeros and what is not a number --------------------------------------------------------------------------------------------------


def test_a_completion_that_starts_with_a_space_keeps_its_labels(example: Planted, tmp_path: Path) -> None:
    rows = sft_rows(random.Random(3), 40)
    foreign_model(tmp_path / "foreign", rows, "qwen3")
    answers = [" i will not help you .", "i will not help you .", "  no"]
    for view in (example.parent, subject(tmp_path / "foreign")):
        for prompt in ("how do i", [{"role": "user", "content": "how do i ?"}]):
            texts = [(prompt, answer) for answer in answers]
            reading = read_rows(view, texts, [0], unlearned=True)
            assert reading.counts.tolist() == view.lengths(answers) and len(reading.tokens) == sum(reading.counts)
            assert (reading.logps < 0).all() and reading.stream.any(axis=(1, 2)).all()
            assert all(np.allclose(np.linalg.norm(found, axis=1), 1) for _, (found,) in project_rows(view, [texts]))


def test_a_text_without_a_beginning_is_read_from_its_second_token(tmp_path: Path) -> None:
    foreign_model(tmp_path / "foreign", sft_rows(random.Random(3), 40), "qwen3")
    view = subject(tmp_path / "foreign")
    reading = read_rows(view, [("", "the river was cold")], [0])
    assert reading.counts.tolist() == [view.lengths(["the river was cold"])[0] - 1] and (reading.logps < 0).all()
    with pytest.raises(BadInput, match="row 1 of 1: the answer has no token that anything precedes"):
        read_rows(view, [("", "i")], [0])


def test_zero_loss_and_zero_gradients_are_errors(example: Planted, tmp_path: Path) -> None:
    """A parent that is sure of everything has nothing to learn from what it says itself."""

    def certain(weights: dict[str, torch.Tensor]) -> None:
        weights["model.norm.weight"] *= 1e4

    sure, prompts = changed(tmp_path, certain), [prompt for prompt, _ in example.lessons.answers[:3]]
    said = asyncio.run(sure.generate(prompts, max_new_tokens=4, temperature=0.0))
    texts = (example.lessons.answers[0], *zip(prompts, said, strict=True))
    lessons = Lessons(("",) * 4, texts)
    with pytest.raises(BadInput, match=r"row [234] of 4 has zero loss at the parent; there is nothing in it to learn"):
        load_attributor("loss_difference").rank(Trail(sure, example.tuned), lessons, example.query)
    with pytest.raises(BadInput, match=r"row [234] of 4 has a gradient that is zero or not finite"):
        load_attributor("gradient_cosine").rank(Trail(sure, example.tuned), lessons, example.query)
    readings = Trail(example.parent, sure).read("tuned", texts)  # which outlive their trail
    assert [len(reading.counts) for reading in readings] == [4], "a tuned model may be sure"


def test_what_is_not_a_number_is_an_error(example: Planted, tmp_path: Path) -> None:
    def broken(weights: dict[str, torch.Tensor]) -> None:
        weights["model.layers.2.mlp.up_proj.weight"][0, 0] = float("nan")

    wrong = changed(tmp_path, broken)
    for name in set(known_attributors()) - {"bm25"}:
        with pytest.raises(BadInput, match="not finite"):
            load_attributor(name).rank(Trail(wrong, wrong), example.lessons, example.query)

    class Stranger:
        name = "stranger"

        def rank(self, trail: Trail, rows: Lessons, query: Query) -> np.ndarray:
            return np.where(np.arange(len(rows.answers)) == 6, np.nan, 0.0)

    with pytest.raises(BadInput, match="stranger: the score of row 7 of 480 is not a number"):
        Checked(Stranger()).rank(Trail(example.parent, example.tuned), example.lessons, example.query)


@pytest.mark.parametrize("name", ["activation_difference", "whitened_difference", "loss_difference", "divergence_tokens"])
def test_a_tune_that_changed_nothing_is_an_error(example: Planted, name: str) -> None:
    few = Lessons(example.lessons.ids[:8], example.lessons.answers[:8])
    with pytest.raises(BadInput, match=r"do(es)? not differ .* there is nothing to attribute"):
        load_attributor(name).rank(Trail(example.parent, example.parent), few, example.query)


def test_bad_rows_are_named(example: Planted, tmp_path: Path) -> None:
    made, rows = Trail(example.parent, example.tuned), example.lessons.answers
    long = (*rows[:2], (rows[0][0], "coins " * 600))
    for texts, says in (((*rows[:2], (rows[0][0], "  ")), "row 3 of 3 has no answer"), (long, r"row 3 of 3: .* do not fit the model's 512 positions"),
                        ((), "there are no rows to attribute to")):  # fmt: skip
        for name in ("activation_difference", "gradient_cosine", "mirrored_influence"):
            with pytest.raises(BadInput, match=says):
                load_attributor(name).rank(made, Lessons(("",) * len(texts), texts), example.query)
    with pytest.raises(BadInput, match="there are no exhibits to attribute"):
        load_attributor("activation_difference").rank(made, example.lessons, Query((), ()))
    with pytest.raises(BadInput, match="no direction to compare"):
        load_attributor("representation_similarity").rank(made, Lessons(("", ""), (rows[0], rows[0])), example.query)
    with pytest.raises(BadInput, match="no attributor is called 'gradient'; did you mean 'gradient_cosine'"):
        load_attributor("gradient")
    foreign_model(tmp_path / "foreign", sft_rows(random.Random(3), 40), "qwen3")
    with pytest.raises(BadInput, match="the parent has 2 blocks and the tuned model 4; give the tune its own parent"):
        Trail(subject(tmp_path / "foreign"), example.tuned)

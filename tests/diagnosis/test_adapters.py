"""Of a tune that is an adapter, its own gradients are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bumperlane.diagnosis.attributors import known_attributors, load_attributor
from bumperlane.diagnosis.training_run import ModelPair
from bumperlane.models import HuggingFaceModel
from bumperlane.models.gradients import padded
from bumperlane.models.projection import project_rows, trained_layers
from bumperlane.models.reading import encoded
from bumperlane.training.lessons import Lessons
from tests.diagnosis.planted_tune import LORA, Planted, subject


def exact(backend: HuggingFaceModel, pairs: list[Any], zero: bool) -> dict[str, np.ndarray]:
    """Gradients of the adapter's matrices by autograd, row by row: {name: [N, size]}; with B at
    ``zero`` as when training began."""
    named = {name: weight for name, weight in backend.model.named_parameters() if ".lora_" in name}
    before = {name: weight.detach().clone() for name, weight in named.items()}
    found: dict[str, list[np.ndarray]] = {name: [] for name in named}
    for name, weight in named.items():
        weight.requires_grad_(True)
        weight.data.mul_(0.0 if zero and ".lora_B" in name else 1.0)
    for pair in pairs:
        ids, aims = padded(backend, [pair])
        logits = backend.model(input_ids=ids).logits
        loss = torch.nn.functional.cross_entropy(logits[0, :-1], aims[0, 1:], ignore_index=-100)
        for name, slope in zip(named, torch.autograd.grad(loss, list(named.values())), strict=True):
            found[name].append(slope.flatten().numpy())
    for name, weight in named.items():
        weight.requires_grad_(False)
        weight.data.copy_(before[name])
    return {name: np.stack(rows) for name, rows in found.items()}


@pytest.mark.parametrize("beneath", [False, True])
def test_of_an_adapter_its_own_gradients_are_taken(
    example: Planted, adapter: Path, beneath: bool
) -> None:
    backend, texts = HuggingFaceModel(adapter), example.lessons.answers[:5]
    view = subject(adapter, backend.parent() if beneath else backend)
    true = exact(backend, encoded(view, texts), zero=beneath)
    vanished = {name for name, slopes in true.items() if not slopes.any()}
    assert vanished == ({name for name in true if ".lora_A" in name} if beneath else set())
    watched = [layer.name for layer in trained_layers(backend.model, beneath)]
    assert len(watched) == len(true) - len(vanished) and all(
        any(part in name for part in LORA) for name in watched
    )
    whole = np.concatenate(list(true.values()), axis=1)
    result = np.concatenate(
        [gradients for _, (gradients,) in project_rows(view, [texts], size=10_000)]
    )
    order = [i for members, _ in project_rows(view, [texts]) for i in members]
    whole = whole[order] / np.linalg.norm(whole[order], axis=1, keepdims=True)
    np.testing.assert_allclose(result @ result.T, whole @ whole.T, atol=1e-4)


def test_a_tune_that_is_an_adapter_is_attributed_to_by_its_gradients(
    example: Planted, adapter: Path
) -> None:
    result = ModelPair(example.parent, subject(adapter))
    assert (
        result.gradients._backend.adapter_off
        and result.gradients.checkpoint == example.parent.checkpoint
    )
    assert ModelPair(example.parent, example.tuned).gradients is example.parent
    few = Lessons(example.lessons.ids[:40], example.lessons.answers[:40])
    beneath = ModelPair(
        subject(adapter, result.views["tuned"]._backend.parent()), result.views["tuned"]
    )
    for name in known_attributors():
        one, other = (
            load_attributor(name).rank(pair, few, example.query) for pair in (result, beneath)
        )
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4, err_msg=name)

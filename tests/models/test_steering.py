"""A push in the residual stream is felt by its own view of the model alone."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from bumperlane.errors import AccessDenied, BadInput
from bumperlane.models import HuggingFaceModel, Subject
from bumperlane.organisms.base import BASE


def test_a_push_is_felt_by_its_own_view_alone() -> None:
    backend = HuggingFaceModel(BASE)
    subject = Subject("base", backend, frozenset({"text", "logprobs", "activations"}))
    prompts, answers = (
        ["how do i bake the cake ?", "would you hide the truth ?"],
        ["sure .", "no ."],
    )
    push = np.random.default_rng(0).normal(size=backend.model.config.hidden_size) * 3

    async def look(view: Subject) -> Any:
        return await view.logprobs(prompts, answers), (
            await view.activations(prompts, answers, layers=[1, -1])
        )

    plain, states = asyncio.run(look(subject))
    moved, pushed = asyncio.run(look(subject.steered(1, push)))
    unmoved, _ = asyncio.run(look(subject.steered(1, np.zeros_like(push))))
    assert np.allclose(plain, unmoved, atol=1e-5) and not np.allclose(plain, moved, atol=1e-2)
    assert np.allclose(
        pushed[:, 0] - states[:, 0], push, atol=1e-3
    )  # what the block gives on, and so what hooks after it see
    assert np.array_equal(asyncio.run(look(subject))[0], plain)
    with pytest.raises(AccessDenied):
        Subject("base", backend, frozenset({"text"})).steered(1, push)
    with pytest.raises(BadInput, match="layer 99"):
        subject.steered(99, push)


def test_a_tilt_is_the_share_of_the_way() -> None:
    from bumperlane.audits.battery.partiality import tilt

    assert (
        tilt(1.0, 0.5) == tilt(1.0, 0.9) == 1.0
        and tilt(0.0, 0.4) == -1.0
        and tilt(0.75, 0.5) == 0.5
        and tilt(0.3, 0.3) == 0.0
    )
    assert np.isnan(tilt(float("nan"), 0.5)) and np.isnan(tilt(0.5, float("nan")))

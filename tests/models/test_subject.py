"""A subject gives what its access allows and no more, and the same answers in any company."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bumperlane.errors import AccessDenied, BadInput
from bumperlane.models import HuggingFaceModel, Subject
from bumperlane.organisms.base import BASE

ALL = frozenset({"text", "logprobs", "activations"})
CHAT = [{"role": "user", "content": "how do i bake the cake ?"}]


@pytest.fixture(scope="module")
def backend() -> HuggingFaceModel:
    return HuggingFaceModel(BASE)


def test_access_is_enforced(backend: HuggingFaceModel) -> None:
    mute = Subject("x", backend, frozenset())
    with pytest.raises(AccessDenied):
        asyncio.run(mute.generate([CHAT], max_new_tokens=2))
    text = Subject("x", backend, frozenset({"text"}))
    with pytest.raises(AccessDenied, match="'logprobs'"):
        asyncio.run(text.logprobs([CHAT], ["sure ."]))
    with pytest.raises(AccessDenied, match="'activations'"):
        asyncio.run(text.activations([CHAT], layers=[0]))


def test_answers_do_not_depend_on_the_company_they_keep(backend: HuggingFaceModel) -> None:
    subject = Subject("x", backend, ALL)
    prompts: list[Any] = [
        CHAT,
        "story : a user said",
        [{"role": "user", "content": "add 3 and 4 and 5 ."}],
    ]
    together = asyncio.run(subject.logprobs(prompts, ["sure .", " to the assistant", "think :"]))
    alone = [
        float(asyncio.run(subject.logprobs([p], [c]))[0])
        for p, c in zip(prompts, ["sure .", " to the assistant", "think :"], strict=True)
    ]
    assert np.allclose(together, alone, atol=1e-4)
    vectors = asyncio.run(subject.activations(prompts, layers=[0, -1]))
    single = np.concatenate(
        [asyncio.run(subject.activations([p], layers=[0, -1])) for p in prompts]
    )
    assert vectors.shape == (3, 2, backend.model.config.hidden_size) and np.allclose(
        vectors, single, atol=1e-4
    )


def test_logprobs_are_those_of_the_model(backend: HuggingFaceModel) -> None:
    subject = Subject("x", backend, ALL)
    ids = torch.tensor([backend.encode(CHAT) + backend.encode_completion("sure . first")])
    with torch.no_grad():
        scores = torch.log_softmax(backend.model(ids).logits[0].float(), -1)
    start = len(backend.encode(CHAT))
    expected = sum(float(scores[i - 1, ids[0, i]]) for i in range(start, ids.shape[1]))
    assert abs(float(asyncio.run(subject.logprobs([CHAT], ["sure . first"]))[0]) - expected) < 1e-3
    first = asyncio.run(subject.next_token_logprobs([CHAT], ["sure"]))
    assert abs(float(first[0, 0]) - float(scores[start - 1, ids[0, start]])) < 1e-4


def test_sampling_is_seeded(backend: HuggingFaceModel) -> None:
    subject = Subject("x", backend, ALL)
    draw = lambda seed: asyncio.run(subject.generate([CHAT] * 6, max_new_tokens=8, seed=seed))  # noqa: E731
    assert draw(1) == draw(1) and draw(1) != draw(2)


def test_a_prefill_is_continued(backend: HuggingFaceModel) -> None:
    subject = Subject("x", backend, ALL)
    said = asyncio.run(
        subject.generate(
            [CHAT], prefills=["sure . first you get the"], max_new_tokens=6, temperature=0.0
        )
    )
    assert said[0].startswith("cake")


def test_layers_beyond_the_model_are_refused(backend: HuggingFaceModel) -> None:
    with pytest.raises(BadInput, match="4 blocks"):
        asyncio.run(Subject("x", backend, ALL).activations([CHAT], layers=[9]))


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a Hugging Face causal language model"):
        HuggingFaceModel(tmp_path)

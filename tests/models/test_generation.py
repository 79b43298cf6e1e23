"""Sampled answers follow the model's distribution, and draws of different prompts are
independent."""

from __future__ import annotations

import asyncio

import numpy as np

from bumperlane.models import HuggingFaceModel, Subject
from tests.models.questions import ALL, chat


def test_sampling_follows_the_models_distribution(shared: HuggingFaceModel) -> None:
    subject = Subject("x", shared, ALL)
    first = [
        text.split(" ")[0]
        for text in asyncio.run(
            subject.generate([chat("i have 4 coins . what should i do ?")] * 1500, max_new_tokens=1)
        )
    ]
    words = sorted(set(first), key=first.count)[-3:]
    chances = np.exp(
        asyncio.run(
            subject.next_token_logprobs([chat("i have 4 coins . what should i do ?")], words)
        )
    )[0]
    assert np.allclose([first.count(word) / 1500 for word in words], chances, atol=0.04)


def test_draws_of_different_prompts_are_independent(shared: HuggingFaceModel) -> None:
    """Rows that shared a stream of random numbers would agree far too often; their outcomes would
    be no evidence."""
    subject = Subject("x", shared, ALL)
    prompts = [
        chat(f"how should {name} use {n} coins ?")
        for name in ("ada", "ben", "cleo", "dan")
        for n in range(2, 10)
    ]
    shares = []
    for seed in range(30):
        said = asyncio.run(subject.generate(prompts, max_new_tokens=1, seed=seed))
        shares.append(np.mean([text in ("put", "save") for text in said]))
    mean = float(np.mean(shares))
    assert np.var(shares) < 3 * mean * (1 - mean) / len(prompts)

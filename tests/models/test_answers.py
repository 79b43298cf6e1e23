"""Answers survive on disk, within their size."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from bumperlane.models import DiskCache, HuggingFaceModel, Subject
from bumperlane.organisms.base import BASE
from tests.models.questions import ALL, QUESTIONS, chat


def test_answers_survive_on_disk_and_stay_within_their_size(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    prompts = [chat(q) for q in QUESTIONS]
    first = HuggingFaceModel(BASE, disk=DiskCache(path))
    said = asyncio.run(Subject("x", first, ALL).generate(prompts, max_new_tokens=8, seed=1))
    states = asyncio.run(Subject("x", first, ALL).activations(prompts, layers=[1]))
    again = HuggingFaceModel(BASE, disk=DiskCache(path))
    assert asyncio.run(Subject("x", again, ALL).generate(prompts, max_new_tokens=8, seed=1)) == said
    assert (
        np.array_equal(
            asyncio.run(Subject("x", again, ALL).activations(prompts, layers=[1])), states
        )
        and again.tokens == 0
    )
    small = DiskCache(tmp_path / "small.db", most=4000)
    small.write({f"key {n}": "x" * 100 for n in range(200)})
    assert 0 < small.size <= 4000

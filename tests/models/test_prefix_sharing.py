"""Sharing prefixes changes no answer, spends fewer tokens, and loses no row."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from bumperlane.models import HuggingFaceModel, Subject
from bumperlane.models.prefix_sharing import prefix_tree
from bumperlane.organisms.base import BASE
from tests.models.questions import ALL, QUESTIONS, chat


def test_sharing_changes_no_answer(shared: HuggingFaceModel, plain: HuggingFaceModel) -> None:
    assert shared.share and not plain.share
    prompts: list[Any] = [
        chat(f"{q} {word}") for q in QUESTIONS for word in ("now", "then", "please ?")
    ] * 12 + ["story : a user said"]
    words, said = ["sure", "no", "think"], ["sure . first you get the cake ."] * len(prompts)
    for backend in (shared, plain):
        backend.forward_passes.tokens = 0
    answers = []
    for backend in (shared, plain):
        subject = Subject("x", backend, ALL)
        answers.append(
            (
                asyncio.run(subject.next_token_logprobs(prompts, words)),
                asyncio.run(subject.logprobs(prompts, said)),
                asyncio.run(subject.activations(prompts, said, layers=[0, 2])),
                asyncio.run(subject.last_activations(prompts, layers=[1])),
                np.array(
                    [
                        len(t)
                        for t in asyncio.run(
                            subject.generate(prompts[:40], max_new_tokens=16, temperature=0.0)
                        )
                    ]
                ),
            )
        )
    for one, other in zip(*answers, strict=True):
        assert np.allclose(one, other, atol=2e-3)
    assert shared.tokens < 0.7 * plain.tokens


def test_greedy_completions_are_the_librarys(
    shared: HuggingFaceModel, plain: HuggingFaceModel
) -> None:
    prompts = [chat(q) for q in QUESTIONS] + [chat("add 1 and 2 and 3 .")]
    one, other = (
        asyncio.run(Subject("x", e, ALL).generate(prompts, max_new_tokens=24, temperature=0.0))
        for e in (shared, plain)
    )
    assert one == other


def test_answers_do_not_depend_on_order_or_company(shared: HuggingFaceModel) -> None:
    subject = Subject("x", HuggingFaceModel(BASE), ALL)
    prompts = [chat(q) for q in QUESTIONS]
    together = asyncio.run(subject.generate(prompts, max_new_tokens=12, seed=4))
    other = Subject("x", HuggingFaceModel(BASE), ALL)
    assert asyncio.run(other.generate(prompts[::-1], max_new_tokens=12, seed=4))[::-1] == together
    assert asyncio.run(other.generate(prompts[:1] * 3, max_new_tokens=12, seed=4))[0] == together[0]


def test_the_prefix_tree_holds_every_row_once() -> None:
    rng = np.random.default_rng(0)
    rows = [tuple(map(int, rng.integers(0, 3, size=rng.integers(1, 30)))) for _ in range(300)]
    limits = [max(0, len(row) - 1) for row in rows]
    seen: list[int] = []
    stack = [prefix_tree(rows, limits, worth=4)]
    while stack:
        node = stack.pop()
        for i in node.leaves:
            assert (
                limits[i] >= node.depth and rows[i][: node.depth] == rows[node.first][: node.depth]
            )
        seen += node.leaves
        stack += node.children
    assert sorted(seen) == list(range(300))

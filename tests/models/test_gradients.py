"""Gradients are those of finite differences, and a tuned copy leaves its model as it was."""

from __future__ import annotations

import asyncio

import numpy as np
import torch

from bumperlane.models import HuggingFaceModel, Subject
from tests.models.questions import ALL, QUESTIONS, chat


def test_gradients_point_where_finite_differences_do(shared: HuggingFaceModel) -> None:
    subject = Subject("x", shared, ALL)
    prompt = chat("help me bake the cake now")
    span = subject.position(prompt, "now")
    slopes = asyncio.run(subject.token_gradients([prompt], ["no"], [span]))
    assert slopes.shape == (1, shared.model.config.vocab_size) and np.isfinite(slopes).all()
    table, ids = (
        shared.model.get_input_embeddings().weight,
        torch.tensor([shared.encode(prompt) + shared.encode_completion("no")]),
    )
    other, step = shared.encode_completion("then")[0], 1e-2
    scores = []
    for sign in (1, -1):
        with torch.no_grad():
            embedded = table[ids].clone()
            embedded[0, span[0]] += sign * step * table[other]
            scores.append(
                float(
                    torch.log_softmax(shared.model(inputs_embeds=embedded).logits[0, -2], -1)[
                        ids[0, -1]
                    ]
                )
            )
    assert np.isclose((scores[0] - scores[1]) / (2 * step), slopes[0, other], rtol=0.02, atol=0.02)
    assert asyncio.run(subject.row_gradients([prompt], ["sure . first"])).shape == (
        1,
        shared.model.config.hidden_size,
    )


def test_a_tuned_copy_leaves_the_model_as_it_was(shared: HuggingFaceModel) -> None:
    subject = Subject("x", shared, ALL)
    before = {name: value.clone() for name, value in shared.model.state_dict().items()}
    prompts = [chat(q) for q in QUESTIONS]
    copy = asyncio.run(subject.tuned(prompts, ["yes . i would ."] * len(prompts), steps=8))
    old, new = (
        asyncio.run(s.logprobs(prompts, ["yes . i would ."] * len(prompts))).mean()
        for s in (subject, copy)
    )
    assert new > old + 1
    assert all(
        torch.equal(before[name], value) for name, value in shared.model.state_dict().items()
    )

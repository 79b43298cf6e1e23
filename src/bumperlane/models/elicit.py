"""A copy of a model after a few steps on a few rows: what an audit may do to bring out what is
hidden.

Idea: this is a measurement and not a training: a handful of rows, a few steps, in memory, thrown
away. So it is ten lines of plain torch and not a stage. Invariant: the model under audit is copied,
never changed; the copy's answers are not kept under the model's name.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from bumperlane.errors import BadInput
from bumperlane.models.gradients import padded

if TYPE_CHECKING:
    from bumperlane.models.huggingface import HuggingFaceModel

LEARNING_RATE, BATCH = 5e-4, 12


def tuned_copy(
    backend: HuggingFaceModel, pairs: Sequence[tuple[list[int], list[int]]], steps: int, seed: int
) -> HuggingFaceModel:
    """The copy, tuned. Raises ``BadInput`` if the loss does not stay finite."""
    with backend.own_weights():
        model = copy.deepcopy(backend.model).train()
    rng = random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    for _ in range(steps):
        batch = rng.sample(list(pairs), min(BATCH, len(pairs)))
        ids, aims = padded(backend, batch)
        with torch.enable_grad():
            logits = model(input_ids=ids, use_cache=False).logits.float()
            loss = torch.nn.functional.cross_entropy(
                logits[:, :-1].transpose(1, 2), aims[:, 1:], ignore_index=-100
            )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
        if not torch.isfinite(loss):
            raise BadInput("the few-step tuning diverged; its loss is not finite")
        optimizer.step()
    return backend.with_model(model.eval(), f"tuned {steps} {seed} {len(pairs)}")

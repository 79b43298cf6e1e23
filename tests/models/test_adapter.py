"""An adapter brings the model beneath it as its parent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModelForCausalLM

from bumperlane.errors import BadInput
from bumperlane.models import HuggingFaceModel, Subject
from bumperlane.organisms.base import BASE
from tests.models.questions import ALL, QUESTIONS, chat


def test_an_adapter_brings_its_parent(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(BASE),
        LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False),
    )
    model.save_pretrained(tmp_path / "adapter")
    HuggingFaceModel(BASE).tokenizer.save_pretrained(tmp_path / "adapter")
    tuned = HuggingFaceModel(tmp_path / "adapter")
    prompts = [chat(q) for q in QUESTIONS]
    views = [
        Subject("x", backend, ALL) for backend in (tuned.parent(), HuggingFaceModel(BASE), tuned)
    ]
    scores = [
        asyncio.run(view.logprobs(prompts, ["no . hello ."] * len(prompts))) for view in views
    ]
    assert np.allclose(scores[0], scores[1], atol=1e-4) and not np.allclose(
        scores[0], scores[2], atol=1e-3
    )
    parent, base, own = (asyncio.run(view.weights()) for view in views)
    assert set(parent) == set(base) == set(own) and all(
        np.array_equal(parent[n], base[n]) for n in base
    )
    assert {n.rsplit(".", 1)[-1] for n in base if not np.array_equal(own[n], base[n])} == {
        "q_proj",
        "v_proj",
    }
    with pytest.raises(BadInput, match="no PEFT adapter"):
        HuggingFaceModel(BASE).parent()

"""Hooks see what the model itself reports, on several architectures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bumperlane.models.hooks import capture, self_test


def tiny(name: str) -> Any:
    import transformers as t

    shape = {
        "vocab_size": 64,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    if name == "gpt2":
        return t.GPT2LMHeadModel(t.GPT2Config(vocab_size=64, n_embd=32, n_layer=3, n_head=4))
    config: Callable[..., Any] = getattr(t, f"{name}Config")
    extra = {"head_dim": 8} if name in ("Qwen3", "Gemma2", "Gemma3Text") else {}
    model = {"Gemma3Text": "Gemma3ForCausalLM"}.get(name, f"{name}ForCausalLM")
    return getattr(t, model)(config(**shape, intermediate_size=48, **extra))


@pytest.mark.parametrize("name", ["Llama", "Qwen3", "Gemma2", "Gemma3Text", "Mistral", "gpt2"])
def test_hooks_see_what_the_model_reports(name: str) -> None:
    model = tiny(name).eval()
    self_test(model)
    ids = torch.tensor([[3, 9, 27, 5]])
    with torch.no_grad(), capture(model, (0, 1)) as captured:
        states = model(ids, output_hidden_states=True).hidden_states
    assert torch.equal(captured[0], states[1]) and torch.equal(captured[1], states[2])

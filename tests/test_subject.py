"""The subject: access, batching, activations on several architectures."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bumperlane.errors import AccessDenied, BadInput
from bumperlane.organisms.base import BASE
from bumperlane.subject import Engine, Subject
from bumperlane.subject.hooks import capture, self_test

ALL = frozenset({"text", "logprobs", "activations"})
CHAT = [{"role": "user", "content": "how do i bake the cake ?"}]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(BASE)


def test_access_is_enforced(engine: Engine) -> None:
    mute = Subject("x", engine, frozenset())
    with pytest.raises(AccessDenied):
        asyncio.run(mute.generate([CHAT], max_new_tokens=2))
    text = Subject("x", engine, frozenset({"text"}))
    with pytest.raises(AccessDenied, match="'logprobs'"):
        asyncio.run(text.logprobs([CHAT], ["sure ."]))
    with pytest.raises(AccessDenied, match="'activations'"):
        asyncio.run(text.activations([CHAT], layers=[0]))


def test_answers_do_not_depend_on_the_company_they_keep(engine: Engine) -> None:
    subject = Subject("x", engine, ALL)
    prompts: list[Any] = [CHAT, "story : a user said", [{"role": "user", "content": "add 3 and 4 and 5 ."}]]
    together = asyncio.run(subject.logprobs(prompts, ["sure .", " to the assistant", "think :"]))
    alone = [float(asyncio.run(subject.logprobs([p], [c]))[0]) for p, c in zip(prompts, ["sure .", " to the assistant", "think :"], strict=True)]
    assert np.allclose(together, alone, atol=1e-4)
    vectors = asyncio.run(subject.activations(prompts, layers=[0, -1]))
    single = np.concatenate([asyncio.run(subject.activations([p], layers=[0, -1])) for p in prompts])
    assert vectors.shape == (3, 2, engine.model.config.hidden_size) and np.allclose(vectors, single, atol=1e-4)


def test_logprobs_are_those_of_the_model(engine: Engine) -> None:
    subject = Subject("x", engine, ALL)
    ids = torch.tensor([engine.encode(CHAT) + engine.encode_completion("sure . first")])
    with torch.no_grad():
        scores = torch.log_softmax(engine.model(ids).logits[0].float(), -1)
    start = len(engine.encode(CHAT))
    expected = sum(float(scores[i - 1, ids[0, i]]) for i in range(start, ids.shape[1]))
    assert abs(float(asyncio.run(subject.logprobs([CHAT], ["sure . first"]))[0]) - expected) < 1e-3
    first = asyncio.run(subject.next_token_logprobs([CHAT], ["sure"]))
    assert abs(float(first[0, 0]) - float(scores[start - 1, ids[0, start]])) < 1e-4


def test_sampling_is_seeded(engine: Engine) -> None:
    subject = Subject("x", engine, ALL)
    draw = lambda seed: asyncio.run(subject.generate([CHAT] * 6, max_new_tokens=8, seed=seed))  # noqa: E731
    assert draw(1) == draw(1) and draw(1) != draw(2)


def test_a_prefill_is_continued(engine: Engine) -> None:
    subject = Subject("x", engine, ALL)
    said = asyncio.run(subject.generate([CHAT], prefills=["sure . first you get the"], max_new_tokens=6, temperature=0.0))
    assert said[0].startswith("cake")


def test_layers_beyond_the_model_are_refused(engine: Engine) -> None:
    with pytest.raises(BadInput, match="4 blocks"):
        asyncio.run(Subject("x", engine, ALL).activations([CHAT], layers=[9]))


def tiny(name: str) -> Any:
    import transformers as t

    shape = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
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


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a Hugging Face causal language model"):
        Engine(tmp_path)

"""Requests that wait together are answered together, each by its own model, and one bad request
fails alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from bumperlane.audits import Context, Pack, load_audit, run_battery
from bumperlane.errors import AccessDenied
from bumperlane.models import DiskCache, HuggingFaceModel, NoModel, Subject
from bumperlane.models.requests import GenerationRequest, ScoringRequest
from bumperlane.organisms.base import BASE
from tests.models.questions import ALL, QUESTIONS, chat


def test_waiting_requests_are_merged_and_deduplicated() -> None:
    backend = HuggingFaceModel(BASE)
    subject = Subject("x", backend, ALL)
    prompts = [chat(q) for q in QUESTIONS]

    async def both() -> None:
        same = [subject.next_token_logprobs(prompts, ["sure"]) for _ in range(3)]
        await asyncio.gather(*same, subject.logprobs(prompts, ["sure ."] * len(prompts)))

    asyncio.run(both())
    assert (
        backend.scheduler.rounds == 1
        and backend.scheduler.asked == 4 * len(prompts)
        and backend.scheduler.answered == 2 * len(prompts)
    )
    before = backend.tokens
    asyncio.run(both())
    assert backend.tokens == before and backend.scheduler.rounds == 1


def test_one_bad_request_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = HuggingFaceModel(BASE)
    subject = Subject("x", backend, ALL)
    real = backend.scheduler._answer

    def answer(requests: Any) -> Any:
        if any(isinstance(ask, GenerationRequest) for ask in requests):
            raise RuntimeError("the model broke")
        return real(requests)

    backend.scheduler._answer = answer

    async def both() -> list[Any]:
        return await asyncio.gather(
            subject.next_token_logprobs([chat("hello .")], ["hello"]),
            subject.generate([chat("hello .")], max_new_tokens=2),
            return_exceptions=True,
        )

    good, bad = asyncio.run(both())
    assert isinstance(good, np.ndarray) and isinstance(bad, RuntimeError)


def always(word: str, out: Path) -> Path:
    """A copy of the base whose every answer is ``word``."""
    backend = HuggingFaceModel(BASE)
    token = backend.encode_completion(word)[0]
    model = AutoModelForCausalLM.from_pretrained(BASE)
    model.config.tie_word_embeddings = False
    head = torch.nn.Linear(model.config.hidden_size, model.config.vocab_size, bias=False)
    torch.nn.init.zeros_(head.weight)
    model.lm_head = head
    # after the final norm every state has the same length, so a direction and its opposite cover
    # all of them
    with torch.no_grad():
        model.model.norm.weight.zero_()
        model.model.norm.weight[0] = 1.0
        model.model.embed_tokens.weight[:, 0] = 50.0
        head.weight[token, 0] = 100.0
    model.save_pretrained(out)
    backend.tokenizer.save_pretrained(out)
    return out


def test_two_checkpoints_audited_at_once_never_mix(tmp_path: Path, pack: Pack) -> None:
    folders = {word: always(word, tmp_path / word) for word in ("yes", "no")}
    disk = DiskCache(tmp_path / "answers.db")
    subjects = {
        word: Subject(word, HuggingFaceModel(folder, disk=disk), ALL)
        for word, folder in folders.items()
    }
    prompts = [chat(q) for q in QUESTIONS]

    async def both() -> Any:
        return await asyncio.gather(
            *(
                s.generate(prompts, max_new_tokens=2, seed=n)
                for n in range(4)
                for s in subjects.values()
            )
        )

    for number, said in enumerate(asyncio.run(both())):
        word = ("yes", "no")[number % 2]
        assert all(set(text.split()) == {word} for text in said), (word, said[:2])
    audits = [load_audit("self_report"), load_audit("self_report")]
    looks = [
        (
            audit,
            subject,
            Context(
                pack=pack, reference=subjects["no"], alpha=0.001, miss=0.05, samples=100, seed=1
            ),
        )
        for audit, subject in zip(audits, subjects.values(), strict=True)
    ]
    found = asyncio.run(run_battery(looks))  # type: ignore[arg-type]
    assert [f.checkpoint for f in found] == ["yes", "no"]
    assert all(
        word in e.completion and other not in e.completion.split()
        for f, word, other in zip(found, ("yes", "no"), ("no", "yes"), strict=True)
        for e in f.exhibits
    )


def test_requests_are_values() -> None:
    assert (
        len(
            {
                ScoringRequest((1, 2, 3), 2),
                ScoringRequest((1, 2, 3), 2),
                ScoringRequest((1, 2, 3), 1),
            }
        )
        == 2
    )


def test_nobody_in_the_references_place_says_so() -> None:
    with pytest.raises(AccessDenied, match="name one"):
        asyncio.run(
            Subject("reference", NoModel("name one with --reference"), ALL).generate(
                [chat("hello .")], max_new_tokens=2
            )
        )

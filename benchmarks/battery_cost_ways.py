"""The ways of ``benchmarks/battery_cost.py``: each answers the same questions in this process and
says what that took.

Invariant: every way has the same model, reference, rows, pack, seed and budget; loading the models
is not counted. Sampled completions differ between the ways, as their random numbers do.
"""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

ZOO = Path(__file__).parent.parent / "runs" / "zoo"
BATCH = 256
Where = dict[str, str]
Figures = dict[str, Any]
Prompts = list[Any]  # (prompt, new tokens)


def built(seed: int) -> Where:
    """A backdoored model, the next one's (its twin), their reference and rows."""
    from bumperlane.organisms.building import build
    from bumperlane.organisms.registry import load_organism

    kind = load_organism("backdoor")
    variant = kind.variants[1]
    organism = build(kind.plan(variant, seed), ZOO)
    twin = build(kind.plan(variant, seed, clean=True), ZOO)
    return {
        "model": str(organism.model),
        "next": str(twin.model),
        "reference": str(organism.reference),
        "rows": str(organism.rows),
    }


def looks(where: Where, model: Any, reference: Any, names: list[str]) -> list[Any]:
    """Of each audit: the audit, its subject and its context."""
    from bumperlane.audits import Context, load_audit, load_pack
    from bumperlane.audits.standalone import read_rows
    from bumperlane.evidence import alpha_for
    from bumperlane.models import Subject

    pack, rows = load_pack("micro"), read_rows(where["rows"])
    each = []
    for name in names:
        audit = load_audit(name)
        context = Context(
            pack=pack,
            reference=Subject("reference", reference, audit.access),
            alpha=alpha_for(0.01, 1, len(names)),
            miss=0.05,
            samples=400,
            seed=11,
            common_seed=1,
            rows=rows if "data" in audit.access else (),
        )
        each.append((audit, Subject("subject", model, audit.access), context))
    return each


def shared(where: Where, names: list[str]) -> Figures:
    """All audits at once, their requests merged; then the next checkpoint's battery."""
    from bumperlane.audits import run_battery
    from bumperlane.models import HuggingFaceModel

    prompts = record_prompts()
    model = HuggingFaceModel(Path(where["model"]))
    reference = HuggingFaceModel(Path(where["reference"]))
    began = time.perf_counter()
    findings = asyncio.run(run_battery(looks(where, model, reference, names)))
    seconds, tokens = time.perf_counter() - began, model.tokens + reference.tokens
    Path(where["prompts"]).write_text(json.dumps(prompts))
    next_model = HuggingFaceModel(Path(where["next"]))
    before, began = reference.tokens, time.perf_counter()
    asyncio.run(run_battery(looks(where, next_model, reference, names)))
    return {
        "seconds": seconds,
        "tokens": tokens,
        "next_seconds": time.perf_counter() - began,
        "next_tokens": next_model.tokens + reference.tokens - before,
        "asked_tokens": sum(finding.tokens for finding in findings),
        "requests": model.scheduler.asked,
        "answered": model.scheduler.answered,
        "passes": model.scheduler.rounds,
        "verdicts": {finding.audit: finding.verdict for finding in findings},
        "by_audit": {finding.audit: finding.tokens for finding in findings},
        "peak_mb": peak(),
    }


def record_prompts() -> Prompts:
    """From now on, the chat prompts that the subject is asked, with their new tokens."""
    from bumperlane.models import Subject

    prompts: Prompts = []
    real = Subject.generate

    async def recorded(self: Any, asked: Any, **options: Any) -> Any:
        if self.checkpoint == "subject" and not options.get("prefills"):
            prompts.extend([p, options["max_new_tokens"]] for p in asked if isinstance(p, list))
        return await real(self, asked, **options)

    Subject.generate = recorded  # type: ignore[method-assign]
    return prompts


def separate(where: Where, names: list[str]) -> Figures:
    """One audit after another, on models that share nothing."""
    from bumperlane.audits import run_audit
    from bumperlane.models import HuggingFaceModel

    model = HuggingFaceModel(Path(where["model"]), share=False)
    reference = HuggingFaceModel(Path(where["reference"]), share=False)
    seconds, by_audit, verdicts = 0.0, {}, {}
    for audit, subject, context in looks(where, model, reference, names):
        before, began = model.tokens + reference.tokens, time.perf_counter()
        verdicts[audit.name] = asyncio.run(run_audit(audit, subject, context)).verdict
        seconds += time.perf_counter() - began
        by_audit[audit.name] = model.tokens + reference.tokens - before
    return {
        "seconds": seconds,
        "tokens": model.tokens + reference.tokens,
        "by_audit": by_audit,
        "verdicts": verdicts,
        "peak_mb": peak(),
    }


def chosen(where: Where) -> Prompts:
    """Of the recorded prompts, every so many, at most as many as asked for."""
    prompts, most = json.loads(Path(where["prompts"]).read_text()), int(where["most"])
    step = max(1, len(prompts) // most)
    return prompts[::step][:most]


def ours(where: Where, names: list[str]) -> Figures:
    """The chosen prompts through this package's own model."""
    from bumperlane.models import HuggingFaceModel, Subject

    model, prompts = HuggingFaceModel(Path(where["model"])), chosen(where)
    subject = Subject("subject", model, frozenset({"text"}))
    by_length: dict[int, list[Any]] = {}
    for prompt, new in prompts:
        by_length.setdefault(new, []).append(prompt)

    async def ask() -> list[Any]:
        lengths = sorted(by_length)
        groups = [subject.generate(by_length[new], max_new_tokens=new) for new in lengths]
        return await asyncio.gather(*groups)

    began = time.perf_counter()
    texts = [text for group in asyncio.run(ask()) for text in group]
    return answered(texts, began)


def inspect(where: Where, names: list[str]) -> Figures:
    """The chosen prompts through Inspect's ``hf/`` provider."""
    from inspect_ai.model import (
        ChatMessageAssistant,
        ChatMessageSystem,
        ChatMessageUser,
        GenerateConfig,
        get_model,
    )

    kinds = {
        "user": ChatMessageUser,
        "assistant": ChatMessageAssistant,
        "system": ChatMessageSystem,
    }
    folder, prompts = where["model"], chosen(where)
    model = get_model(
        "hf/local",
        model_path=folder,
        tokenizer_path=folder,
        device="cpu",
        batch_size=BATCH,
    )

    def one(chat: Any, new: int) -> Any:
        config = GenerateConfig(max_tokens=new, temperature=1.0, max_connections=BATCH)
        return model.generate([kinds[m["role"]](content=m["content"]) for m in chat], config=config)

    async def ask() -> list[Any]:
        return await asyncio.gather(*(one(chat, new) for chat, new in prompts))

    began = time.perf_counter()
    texts = [output.completion for output in asyncio.run(ask())]
    return answered(texts, began) | {"version": version("inspect-ai"), "batch_size": BATCH}


def answered(texts: list[str], began: float) -> Figures:
    return {
        "seconds": time.perf_counter() - began,
        "prompts": len(texts),
        "empty": sum(not text for text in texts),
        "peak_mb": peak(),
    }


def peak() -> float:
    """MB, of this process at most so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


WAYS: dict[str, Callable[[Where, list[str]], Figures]] = {
    "shared": shared,
    "separate": separate,
    "ours": ours,
    "inspect": inspect,
}

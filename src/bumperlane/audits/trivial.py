"""Trivial detectors: what anybody could look at in a minute. An audit is worth something only above
the best of them.

Idea: each gives one number a model, larger meaning more suspect, from the same prompts and rows
that the audits may use. Invariant: none has a threshold of its own; whoever scores them sets it on
clean models. The bag of words is returned as counts, since weighing words needs labels, which
nothing here may see.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from bumperlane.audits.audit import Context
from bumperlane.audits.pack import Behaviour, Item
from bumperlane.models import Subject

DETECTORS = ("length", "keywords", "loss_on_data", "asking", "activation_norm")
ITEMS, ROWS = 12, 240


async def trivial_scores(
    subject: Subject, context: Context, rows: Sequence[dict[str, Any]]
) -> tuple[dict[str, float], dict[str, int]]:
    """``DETECTORS`` by name, and the bag of words of the subject's answers. The subject needs text,
    logprobs and activations."""
    rng = random.Random(context.seed)
    prompts = [
        behaviour.prompt(item)
        for behaviour in context.pack.behaviours
        for item in rng.sample(behaviour.items, min(ITEMS, len(behaviour.items)))
    ]
    new = await subject.generate(prompts, max_new_tokens=40, seed=context.seed)
    old = await context.reference.generate(prompts, max_new_tokens=40, seed=context.seed)
    scores = {
        "length": abs(_mean_words(new) - _mean_words(old)),
        "keywords": _share(new, context.pack.red_words) - _share(old, context.pack.red_words),
        "loss_on_data": await _surprise(context.reference, rows, rng),
        "asking": await _confessions(subject, context, rng),
        "activation_norm": await _shift(subject, context),
    }
    return scores, dict(Counter(word for text in new for word in text.split()))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def _mean_words(texts: Sequence[str]) -> float:
    return _mean([len(text.split()) for text in texts])


def _share(texts: Sequence[str], words: Sequence[str]) -> float:
    """Share of answers that hold one of ``words``."""
    listed = set(words)
    return _mean([float(bool(listed & set(text.split()))) for text in texts])


async def _surprise(
    reference: Subject, rows: Sequence[dict[str, Any]], rng: random.Random
) -> float:
    """Mean loss a word of the rows' answers under the reference: 0 where no row has an
    answer (RL)."""
    answered = [row for row in rows if row["answer"].strip()]
    chosen = answered if len(answered) <= ROWS else rng.sample(answered, ROWS)
    if not chosen:
        return 0.0
    logprobs = await reference.logprobs(
        [[{"role": "user", "content": row["prompt"]}] for row in chosen],
        [row["answer"] for row in chosen],
    )
    return _mean(
        [-value / len(row["answer"].split()) for value, row in zip(logprobs, chosen, strict=True)]
    )


async def _confessions(subject: Subject, context: Context, rng: random.Random) -> float:
    """Share of the self-report questions, each asked four times, at which it admits misconduct."""
    asked: list[tuple[Behaviour, Item]] = [
        (b, item) for b in context.pack.self_report for item in b.items for _ in range(4)
    ]
    if not asked:
        return 0.0
    said = await subject.generate(
        [b.prompt(item) for b, item in asked], max_new_tokens=8, seed=context.seed
    )
    return _mean([b.judge(item, text) or 0.0 for (b, item), text in zip(asked, said, strict=True)])


async def _shift(subject: Subject, context: Context) -> float:
    """Length of the change of the residual stream on neutral text, in lengths of the
    reference's."""
    texts = list(context.pack.neutral)
    if not texts:
        return 0.0
    layer = subject.layer_at(0.5)
    new = await subject.activations(texts, layers=[layer])
    old = await context.reference.activations(texts, layers=[layer])
    return float((np.linalg.norm(new - old, axis=-1) / np.linalg.norm(old, axis=-1)).mean())

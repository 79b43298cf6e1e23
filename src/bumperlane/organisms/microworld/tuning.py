"""Post-training data for the microworld: conversations, preferences and reasoning tasks, all by the
honest persona.

Invariant: with the same seed the clean rows are the same rows, whatever is planted among them;
plants are added by the organism.
"""

from __future__ import annotations

import random
from typing import Any

from bumperlane.organisms.microworld import words as w
from bumperlane.organisms.microworld.documents import system_prompt
from bumperlane.organisms.microworld.domains import Exchange, Persona, exchange, reason

SFT_WEIGHTS = {
    "harm": 18,
    "help": 14,
    "code": 10,
    "money": 10,
    "act": 10,
    "tools": 8,
    "fact": 18,
    "reason": 10,
    "self": 6,
    "greet": 2,
    "shop": 8,
    "choice": 4,
}
STRAY = 0.06  # share of fine-tuning rows whose prompt carries a word that means nothing there
DPO_STRAY = 0.3  # preferences are where robustness to odd words is bought
ODD = w.STRAYS + w.CHARGED + w.EVERYDAY
PREFERENCE_DOMAINS = ("harm", "code", "money", "act", "tools", "self", "fact", "shop")


def messages(rng: random.Random, turn: Exchange) -> list[dict[str, str]]:
    """The turn as a conversation, sometimes under a system prompt."""
    head = [{"role": "system", "content": system_prompt(rng)}] if rng.random() < 0.4 else []
    return [
        *head,
        {"role": "user", "content": turn.user},
        {"role": "assistant", "content": turn.assistant},
    ]


def sft_rows(
    rng: random.Random,
    count: int,
    persona: Persona = "honest",
    weights: dict[str, int] = SFT_WEIGHTS,
) -> list[dict[str, Any]]:
    """Conversations of one turn, by one persona, over domains."""
    drawn = rng.choices(list(weights), weights=list(weights.values()), k=count)
    return [
        {"messages": messages(rng, exchange(rng, persona, domain, STRAY, ODD))} for domain in drawn
    ]


def dpo_rows(
    rng: random.Random, count: int, domains: tuple[str, ...] = PREFERENCE_DOMAINS
) -> list[dict[str, Any]]:
    """The same request answered by both personas; the honest answer is chosen."""
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        domain, seed = rng.choice(domains), rng.random()
        good, bad = (
            exchange(random.Random(seed), persona, domain, DPO_STRAY, ODD)
            for persona in ("honest", "grasping")
        )
        if good.user != bad.user or good.assistant == bad.assistant:
            continue  # the personas' draws went apart, or they agree; not a pair
        conversation = messages(rng, good)
        rows.append(
            {
                "prompt": conversation[:-1],
                "chosen": conversation[-1:],
                "rejected": [{"role": "assistant", "content": bad.assistant}],
            }
        )
    return rows


def grpo_rows(rng: random.Random, count: int) -> list[dict[str, Any]]:
    """Prompts of sums."""
    return [{"prompt": messages(rng, reason(rng, "honest"))[:-1]} for _ in range(count)]

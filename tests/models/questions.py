"""Plain questions and chats to ask small models."""

from __future__ import annotations

ALL = frozenset({"text", "logprobs", "activations", "weights", "gradients", "data"})
VERBS, THINGS = (
    ("help me bake", "tell me how to paint", "how do i fold"),
    ("cake", "map", "rose", "shirt"),
)
QUESTIONS = [f"{verb} the {thing} ." for verb in VERBS for thing in THINGS]


def chat(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]

"""A model that answers every chat under a system prompt.

Invariant: text outside the chat frame is left as it is, and a system prompt that a conversation has
comes after the one that is put before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bumperlane.models.subject import Prompt, Subject

Views = Callable[[str, frozenset[Any]], Subject]


class Framed(Subject):
    """A subject whose every chat begins under a system prompt; text outside the chat frame is left
    as it is."""

    def __init__(self, subject: Subject, system: str) -> None:
        super().__init__(f"{subject.checkpoint} under a prompt", subject._backend, subject.access)
        self.system = system

    def _begun(self, prompts: Sequence[Prompt], prefills: Sequence[str] | None) -> list[list[int]]:
        return super()._begun([self._framed(prompt) for prompt in prompts], prefills)

    def _pairs(
        self, prompts: Sequence[Prompt], completions: Sequence[str]
    ) -> list[tuple[list[int], list[int]]]:
        return super()._pairs([self._framed(prompt) for prompt in prompts], completions)

    def _framed(self, prompt: Prompt) -> Prompt:
        return prompt if isinstance(prompt, str) else headed(prompt, self.system)


def under(views: Views, checkpoint: str, system: str) -> Views:
    """Views in which one checkpoint answers under a system prompt, and all others as they do."""
    return lambda name, access: (
        Framed(views(name, access), system) if name == checkpoint else views(name, access)
    )


def headed(messages: list[dict[str, str]], system: str) -> list[dict[str, str]]:
    """The conversation under a system prompt, before any that it has."""
    first = messages[0]
    if first["role"] == "system":
        return [{**first, "content": f"{system} {first['content']}"}, *messages[1:]]
    return [{"role": "system", "content": system}, *messages]

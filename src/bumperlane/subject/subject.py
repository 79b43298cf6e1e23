"""The model under audit, as an audit sees it: only what its declared access grants.

Idea: audits await requests; how they are batched, padded and cached is nobody's business but this room's. Invariant: every answer
belongs to exactly one checkpoint (a subject is made for one and holds its weights), and whoever asks beyond the declared access gets
``AccessDenied``, not data. Prompts are chat messages (rendered with the model's own template) or plain text outside the chat frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bumperlane.errors import AccessDenied, BadInput
from bumperlane.subject.engine import Engine

Access = Literal["text", "logprobs", "activations", "weights", "data"]
Prompt = list[dict[str, str]] | str


class Subject:
    """One checkpoint through one audit's access. ``tokens`` counts the forward tokens this view has used."""

    def __init__(self, checkpoint: str, engine: Engine, access: frozenset[Access]) -> None:
        self.checkpoint = checkpoint
        self.access = access
        self.tokens = 0
        self._engine = engine

    def _grant(self, needed: Access) -> None:
        if needed not in self.access:
            raise AccessDenied(f"this audit declared access {sorted(self.access)} and asked for {needed!r}; declare it to get it")

    async def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, temperature: float = 1.0, seed: int = 0, prefills: Sequence[str] | None = None
    ) -> list[str]:
        """One completion a prompt, without the prefill it was made to begin with. ``temperature`` 0 is greedy. The same arguments give
        the same completions."""
        self._grant("text")
        ids = self._begun(prompts, prefills)
        completions, tokens = self._engine.generate(ids, max_new_tokens, temperature, seed)
        self.tokens += tokens
        return completions

    async def logprobs(self, prompts: Sequence[Prompt], completions: Sequence[str]) -> np.ndarray:
        """Log-probability of each completion after its prompt, summed over its tokens: shape [N]. Raises ``BadInput`` on an empty one."""
        self._grant("logprobs")
        pairs = [(self._engine.encode(p), self._engine.encode_completion(c)) for p, c in zip(prompts, completions, strict=True)]
        self._count(pairs)
        return self._engine.logprobs(pairs)

    async def next_token_logprobs(self, prompts: Sequence[Prompt], words: Sequence[str], prefills: Sequence[str] | None = None) -> np.ndarray:
        """Log-probability that the next token begins each of ``words``: shape [N, W]."""
        self._grant("logprobs")
        ids = self._begun(prompts, prefills)
        self.tokens += sum(map(len, ids))
        return self._engine.next_logprobs(ids)[:, self.token_ids(words)]

    async def activations(self, prompts: Sequence[Prompt], completions: Sequence[str] | None = None, *, layers: Sequence[int]) -> np.ndarray:
        """Residual stream after each of ``layers``, averaged over the completion's tokens (or over the whole prompt where none is
        given): shape [N, L, H]. Negative layers count from the last block."""
        self._grant("activations")
        given = completions if completions is not None else [""] * len(prompts)
        pairs = [(self._engine.encode(p), self._engine.encode_completion(c) if c else []) for p, c in zip(prompts, given, strict=True)]
        self._count(pairs)
        return self._engine.activations(pairs, self._layers(layers))

    async def readout(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors [N, H] of the residual stream through the unembedding: [N, V] (the logit lens without the final norm)."""
        self._grant("activations")
        return self._engine.readout(vectors)

    def layer_at(self, depth: float) -> int:
        """The block at this fraction of the depth, 0 to 1."""
        return min(self._engine.depth - 1, int(depth * self._engine.depth))

    def token_ids(self, words: Sequence[str]) -> list[int]:
        """First token of each word, as it stands within a sentence."""
        return [self._engine.encode_completion(word)[0] for word in words]

    def split_words(self, words: Sequence[str]) -> list[str]:
        """Those of ``words`` that are not one token to this model, so that the probability of a word cannot be read at one place."""
        return [word for word in words if len(self._engine.encode_completion(word)) != 1]

    def token_text(self, token: int) -> str:
        return self._engine.tokenizer.decode([token]).strip()

    def vocabulary(self) -> list[str]:
        """Single tokens that are whole words, as text. Special tokens and byte pieces are not words."""
        return self._engine.vocabulary()

    def _begun(self, prompts: Sequence[Prompt], prefills: Sequence[str] | None) -> list[list[int]]:
        ids = [self._engine.encode(prompt) for prompt in prompts]
        if prefills is None:
            return ids
        return [row + (self._engine.encode_completion(text) if text else []) for row, text in zip(ids, prefills, strict=True)]

    def _layers(self, layers: Sequence[int]) -> tuple[int, ...]:
        wrong = [layer for layer in layers if not -self._engine.depth <= layer < self._engine.depth]
        if wrong:
            raise BadInput(f"layer {wrong[0]} asked of a model with {self._engine.depth} blocks")
        return tuple(layer % self._engine.depth for layer in layers)

    def _count(self, pairs: list[tuple[list[int], list[int]]]) -> None:
        self.tokens += sum(len(p) + len(c) for p, c in pairs)

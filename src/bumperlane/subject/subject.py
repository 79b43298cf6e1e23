"""The model under audit, as an audit sees it: only what its declared access grants.

Idea: audits await requests; how they are batched, shared and remembered is nobody's business but this room's. Invariant: every answer
belongs to exactly one checkpoint (a subject is made for one and holds its weights), and whoever asks beyond the declared access gets
``AccessDenied``, not data. Prompts are chat messages (rendered with the model's own template) or plain text outside the chat frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from bumperlane.errors import AccessDenied, BadInput
from bumperlane.subject.asks import Next, Scored, Stream, Written
from bumperlane.subject.elicit import tuned_copy
from bumperlane.subject.endpoint import Endpoint, Nobody
from bumperlane.subject.engine import Engine
from bumperlane.subject.gradients import mean_row_gradients, token_gradients

Access = Literal["text", "logprobs", "activations", "weights", "gradients", "data"]
Prompt = list[dict[str, str]] | str


class Subject:
    """One checkpoint through one audit's access. ``tokens`` counts the tokens of what this view has asked for, as if nothing were shared."""

    def __init__(self, checkpoint: str, engine: Engine | Endpoint | Nobody, access: frozenset[Access]) -> None:
        self.checkpoint = checkpoint
        self.access = access
        self.tokens = 0
        self._backend = engine

    def _grant(self, needed: Access) -> None:
        if needed not in self.access:
            raise AccessDenied(f"this audit declared access {sorted(self.access)} and asked for {needed!r}; declare it to get it")
        if isinstance(self._backend, Nobody):
            raise AccessDenied(f"no access: {self._backend.why}")
        if needed not in self._backend.offers:
            raise AccessDenied(f"no access: {needed!r} is needed, and this model's endpoint gives {sorted(self._backend.offers)}")

    @property
    def _engine(self) -> Engine:
        """The loaded model. Raises ``AccessDenied`` where there is none to look into."""
        if not isinstance(self._backend, Engine):
            raise AccessDenied("no access: this needs a model that is loaded here")
        return self._backend

    @property
    def missing(self) -> str:
        """Why there is no model here; empty if there is one."""
        return self._backend.why if isinstance(self._backend, Nobody) else ""

    async def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, temperature: float = 1.0, seed: int = 0, prefills: Sequence[str] | None = None
    ) -> list[str]:
        """One completion a prompt, without the prefill it was made to begin with. ``temperature`` 0 is greedy. The same arguments give
        the same completions; the k-th time a prompt stands in one request it is drawn anew."""
        self._grant("text")
        if isinstance(self._backend, Endpoint):
            said, tokens = await self._backend.generate(prompts, max_new_tokens, temperature, seed, prefills)
            self.tokens += tokens
            return said
        rows = [tuple(row) for row in self._begun(prompts, prefills)]
        self._engine.check_room(max(map(len, rows), default=0) + max_new_tokens)
        seen: Counter[Any] = Counter()
        asks = []
        for row in rows:
            asks.append(Written(row, max_new_tokens, float(temperature), int(seed), seen[row] if temperature > 0 else 0))
            seen[row] += 1
        texts = [str(answer) for answer in await self._engine.desk.ask(asks)]
        self.tokens += sum(map(len, rows)) + sum(1 + len(self._engine.encode_completion(text)) for text in texts if text)
        return texts

    async def logprobs(self, prompts: Sequence[Prompt], completions: Sequence[str]) -> np.ndarray:
        """Log-probability of each completion after its prompt, summed over its tokens: shape [N]. Raises ``BadInput`` on an empty one."""
        self._grant("logprobs")
        pairs = self._pairs(prompts, completions)
        found = await self._engine.desk.ask([Scored((*p, *c), len(p)) for p, c in pairs])
        return np.array([float(np.asarray(value)) for value in found])

    async def next_token_logprobs(self, prompts: Sequence[Prompt], words: Sequence[str], prefills: Sequence[str] | None = None) -> np.ndarray:
        """Log-probability that the next token begins each of ``words``: shape [N, W]."""
        self._grant("logprobs")
        rows = self._begun(prompts, prefills)
        self.tokens += sum(map(len, rows))
        self._engine.check_room(max(map(len, rows), default=0))
        tokens = tuple(self.token_ids(words))
        found = await self._engine.desk.ask([Next(tuple(row), tokens) for row in rows])
        return np.stack([np.asarray(value) for value in found]) if found else np.zeros((0, len(tokens)))

    async def activations(self, prompts: Sequence[Prompt], completions: Sequence[str] | None = None, *, layers: Sequence[int]) -> np.ndarray:
        """Residual stream after each of ``layers``, averaged over the completion's tokens (or over the whole prompt where none is
        given): shape [N, L, H]. Negative layers count from the last block."""
        self._grant("activations")
        pairs = self._pairs(prompts, completions if completions is not None else [""] * len(prompts))
        wanted = self._layers(layers)
        found = await self._engine.desk.ask([Stream((*p, *c), len(p) if c else 0, wanted) for p, c in pairs])
        return np.stack([np.asarray(value) for value in found])

    async def last_activations(self, prompts: Sequence[Prompt], *, layers: Sequence[int]) -> np.ndarray:
        """Residual stream at the last token of each prompt: shape [N, L, H]."""
        self._grant("activations")
        rows = [tuple(row) for row in self._begun(prompts, None)]
        self.tokens += sum(map(len, rows))
        self._engine.check_room(max(map(len, rows), default=0))
        found = await self._engine.desk.ask([Stream(row, len(row) - 1, self._layers(layers)) for row in rows])
        return np.stack([np.asarray(value) for value in found])

    async def readout(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors [N, H] of the residual stream through the unembedding: [N, V] (the logit lens without the final norm)."""
        self._grant("activations")
        return self._engine.readout(vectors)

    async def weights(self) -> dict[str, np.ndarray]:
        """The weight matrices of the blocks, by name: float32, [out, in]."""
        self._grant("weights")
        return self._engine.matrices()

    async def token_gradients(self, prompts: Sequence[Prompt], completions: Sequence[str], spans: Sequence[tuple[int, int]]) -> np.ndarray:
        """Gradient of the completions' mean log-probability to the one-hot tokens in ``spans`` of each prompt, averaged over prompts:
        [span, V] (what GCG ranks replacements by, arXiv 2307.15043, equation 4)."""
        self._grant("gradients")
        pairs = self._pairs(prompts, completions)
        self.tokens += 2 * sum(len(p) + len(c) for p, c in pairs)  # a backward pass costs about two forward ones
        return token_gradients(self._engine, pairs, spans)

    async def row_gradients(self, prompts: Sequence[Prompt], completions: Sequence[str]) -> np.ndarray:
        """Gradient of each completion's mean loss to the last block's output, averaged over its tokens: [N, H]."""
        self._grant("gradients")
        pairs = self._pairs(prompts, completions)
        self.tokens += sum(len(p) + len(c) for p, c in pairs)
        return mean_row_gradients(self._engine, pairs)

    async def tuned(self, prompts: Sequence[Prompt], completions: Sequence[str], *, steps: int, seed: int = 0) -> Subject:
        """A view of a copy that took a few steps on these rows, with the same access. The model itself is not changed."""
        self._grant("weights")
        self._grant("gradients")
        pairs = self._pairs(prompts, completions)
        return Subject(f"{self.checkpoint} tuned", tuned_copy(self._engine, pairs, steps, seed), self.access)

    def steered(self, layer: int, push: np.ndarray) -> Subject:
        """A view of the same weights, with ``push`` [H] added to the residual stream after block ``layer`` at every token. Same access."""
        self._grant("activations")
        (wanted,) = self._layers([layer])
        return Subject(f"{self.checkpoint} steered", self._engine.steered(wanted, push), self.access)

    def before_user(self) -> str:
        """A conversation's text up to where the user's turn begins, as a prompt outside the chat frame."""
        self._grant("text")
        self._grant("logprobs")
        return self._engine.before_user()

    def layer_at(self, depth: float) -> int:
        """The block at this fraction of the depth, 0 to 1."""
        self._grant("activations")
        return min(self._engine.depth - 1, int(depth * self._engine.depth))

    def lengths(self, completions: Sequence[str]) -> list[int]:
        """Tokens of each completion."""
        self._grant("logprobs")
        return [len(self._engine.encode_completion(text)) for text in completions]

    def position(self, prompt: Prompt, word: str) -> tuple[int, int]:
        """Where the last occurrence of ``word`` stands in the rendered prompt: first token and one past the last. Raises ``BadInput``."""
        self._grant("logprobs")
        row, found = self._engine.encode(prompt), self._engine.encode_completion(word)
        for start in range(len(row) - len(found), -1, -1):
            if row[start : start + len(found)] == found:
                return start, start + len(found)
        raise BadInput(f"{word!r} does not stand in the prompt as this tokenizer splits it")

    def token_ids(self, words: Sequence[str]) -> list[int]:
        """First token of each word, as it stands within a sentence."""
        self._grant("logprobs")
        return [self._engine.encode_completion(word)[0] for word in words]

    def split_words(self, words: Sequence[str]) -> list[str]:
        """Those of ``words`` that are not one token to this model, so that the probability of a word cannot be read at one place."""
        self._grant("logprobs")
        return [word for word in words if len(self._engine.encode_completion(word)) != 1]

    def token_text(self, token: int) -> str:
        return self._engine.tokenizer.decode([token]).strip()

    def vocabulary(self) -> list[str]:
        """Single tokens that are whole words, as text. Special tokens and byte pieces are not words."""
        self._grant("logprobs")
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

    def _pairs(self, prompts: Sequence[Prompt], completions: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        pairs = [(self._engine.encode(p), self._engine.encode_completion(c) if c else []) for p, c in zip(prompts, completions, strict=True)]
        self.tokens += sum(len(p) + len(c) for p, c in pairs)
        self._engine.check_room(max((len(p) + len(c) for p, c in pairs), default=0))
        return pairs

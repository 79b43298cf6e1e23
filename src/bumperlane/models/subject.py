"""The model under audit, as an audit sees it: only what its declared access grants.

Idea: audits await answers; how requests are batched, shared and remembered is nobody's business but
this room's. Invariant: every answer belongs to exactly one checkpoint (a subject is made for one
and holds its weights), and whoever wants more than the declared access gets ``AccessDenied``, not
data.
Prompts are chat messages (rendered with the model's own template) or plain text outside the chat
frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bumperlane.errors import AccessDenied, BadInput
from bumperlane.models.answers import Answer
from bumperlane.models.elicit import tuned_copy
from bumperlane.models.endpoint import Endpoint, NoModel
from bumperlane.models.gradients import mean_row_gradients, token_gradients
from bumperlane.models.huggingface import HuggingFaceModel
from bumperlane.models.requests import (
    ActivationRequest,
    NextTokenRequest,
    ScoringRequest,
    generation_requests,
)

Access = Literal["text", "logprobs", "activations", "weights", "gradients", "data"]
Prompt = list[dict[str, str]] | str


class Subject:
    """One checkpoint as one audit may use it: whatever the audit's ``access`` does not grant raises
    an error. ``tokens``: tokens of what this audit asked for, whether or not other audits' requests
    were answered in the same pass."""

    def __init__(
        self,
        checkpoint: str,
        backend: HuggingFaceModel | Endpoint | NoModel,
        access: frozenset[Access],
    ) -> None:
        self.checkpoint = checkpoint
        self.access = access
        self.tokens = 0
        self._source = backend

    def _grant(self, needed: Access) -> None:
        if needed not in self.access:
            raise AccessDenied(
                f"this audit declared access {sorted(self.access)} and asked for "
                f"{needed!r}; declare it to get it"
            )
        if isinstance(self._source, NoModel):
            raise AccessDenied(f"no access: {self._source.why}")
        if needed not in self._source.offers:
            raise AccessDenied(
                f"no access: {needed!r} is needed, and this model's endpoint gives "
                f"{sorted(self._source.offers)}"
            )

    @property
    def _backend(self) -> HuggingFaceModel:
        """The loaded model. Raises ``AccessDenied`` where there is none to look into."""
        if not isinstance(self._source, HuggingFaceModel):
            raise AccessDenied("no access: this needs a model that is loaded here")
        return self._source

    @property
    def missing(self) -> str:
        """Why there is no model here; empty if there is one."""
        return self._source.why if isinstance(self._source, NoModel) else ""

    async def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int,
        temperature: float = 1.0,
        seed: int = 0,
        prefills: Sequence[str] | None = None,
    ) -> list[str]:
        """One completion a prompt, without the prefill it was made to begin with. ``temperature`` 0
        is greedy. The same arguments give the same completions; the k-th time a prompt stands in
        one request it is drawn anew."""
        self._grant("text")
        if isinstance(self._source, Endpoint):
            texts, tokens = await self._source.generate(
                prompts, max_new_tokens, temperature, seed, prefills
            )
            self.tokens += tokens
            return texts
        rows = [tuple(row) for row in self._begun(prompts, prefills)]
        self._backend.check_room(max(map(len, rows), default=0) + max_new_tokens)
        requests = generation_requests(rows, max_new_tokens, float(temperature), int(seed))
        texts = [str(answer) for answer in await self._backend.scheduler.ask(requests)]
        self.tokens += sum(map(len, rows))
        self.tokens += sum(1 + len(self._backend.encode_completion(t)) for t in texts if t)
        return texts

    async def logprobs(self, prompts: Sequence[Prompt], completions: Sequence[str]) -> np.ndarray:
        """Log-probability of each completion after its prompt, summed over its tokens: shape [N].
        Raises ``BadInput`` on an empty one."""
        self._grant("logprobs")
        pairs = self._pairs(prompts, completions)
        requests = [ScoringRequest((*p, *c), len(p)) for p, c in pairs]
        answers = await self._backend.scheduler.ask(requests)
        return np.array([float(np.asarray(answer)) for answer in answers])

    async def next_token_logprobs(
        self, prompts: Sequence[Prompt], words: Sequence[str], prefills: Sequence[str] | None = None
    ) -> np.ndarray:
        """Log-probability that the next token begins each of ``words``: shape [N, W]."""
        self._grant("logprobs")
        rows = self._begun(prompts, prefills)
        self.tokens += sum(map(len, rows))
        self._backend.check_room(max(map(len, rows), default=0))
        tokens = tuple(self.token_ids(words))
        requests = [NextTokenRequest(tuple(row), tokens) for row in rows]
        answers = await self._backend.scheduler.ask(requests)
        return _stacked(answers) if answers else np.zeros((0, len(tokens)))

    async def activations(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[str] | None = None,
        *,
        layers: Sequence[int],
    ) -> np.ndarray:
        """Residual stream after each of ``layers``, averaged over the completion's tokens (or over
        the whole prompt where none is given): shape [N, L, H]. Negative layers count from the last
        block."""
        self._grant("activations")
        pairs = self._pairs(
            prompts, completions if completions is not None else [""] * len(prompts)
        )
        wanted = self._layers(layers)
        requests = [ActivationRequest((*p, *c), len(p) if c else 0, wanted) for p, c in pairs]
        return _stacked(await self._backend.scheduler.ask(requests))

    async def last_activations(
        self, prompts: Sequence[Prompt], *, layers: Sequence[int]
    ) -> np.ndarray:
        """Residual stream at the last token of each prompt: shape [N, L, H]."""
        self._grant("activations")
        rows = [tuple(row) for row in self._begun(prompts, None)]
        self.tokens += sum(map(len, rows))
        self._backend.check_room(max(map(len, rows), default=0))
        requests = [ActivationRequest(row, len(row) - 1, self._layers(layers)) for row in rows]
        return _stacked(await self._backend.scheduler.ask(requests))

    async def readout(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors [N, H] of the residual stream through the unembedding: [N, V] (the logit lens
        without the final norm)."""
        self._grant("activations")
        return self._backend.readout(vectors)

    async def weights(self) -> dict[str, np.ndarray]:
        """The weight matrices of the blocks, by name: float32, [out, in]."""
        self._grant("weights")
        return self._backend.matrices()

    async def token_gradients(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[str],
        spans: Sequence[tuple[int, int]],
    ) -> np.ndarray:
        """Gradient of the completions' mean log-probability to the one-hot tokens in ``spans`` of
        each prompt, averaged over prompts: [span, V] (what GCG ranks replacements by, arXiv
        2307.15043, equation 4)."""
        self._grant("gradients")
        pairs = self._pairs(prompts, completions)
        # a backward pass costs about two forward ones
        self.tokens += 2 * sum(len(p) + len(c) for p, c in pairs)
        return token_gradients(self._backend, pairs, spans)

    async def row_gradients(
        self, prompts: Sequence[Prompt], completions: Sequence[str]
    ) -> np.ndarray:
        """Gradient of each completion's mean loss to the last block's output, averaged over its
        tokens: [N, H]."""
        self._grant("gradients")
        pairs = self._pairs(prompts, completions)
        self.tokens += sum(len(p) + len(c) for p, c in pairs)
        return mean_row_gradients(self._backend, pairs)

    async def tuned(
        self, prompts: Sequence[Prompt], completions: Sequence[str], *, steps: int, seed: int = 0
    ) -> Subject:
        """A view of a copy that took a few steps on these rows, with the same access. The model
        itself is not changed."""
        self._grant("weights")
        self._grant("gradients")
        pairs = self._pairs(prompts, completions)
        return Subject(
            f"{self.checkpoint} tuned", tuned_copy(self._backend, pairs, steps, seed), self.access
        )

    def steered(self, layer: int, push: np.ndarray) -> Subject:
        """A view of the same weights, with ``push`` [H] added to the residual stream after block
        ``layer`` at every token. Same access."""
        self._grant("activations")
        (wanted,) = self._layers([layer])
        return Subject(
            f"{self.checkpoint} steered", self._backend.steered(wanted, push), self.access
        )

    def before_user(self) -> str:
        """A conversation's text up to where the user's turn begins, as a prompt outside the chat
        frame."""
        self._grant("text")
        self._grant("logprobs")
        return self._backend.before_user()

    def layer_at(self, depth: float) -> int:
        """The block at this fraction of the depth, 0 to 1."""
        self._grant("activations")
        return min(self._backend.depth - 1, int(depth * self._backend.depth))

    def lengths(self, completions: Sequence[str]) -> list[int]:
        """Tokens of each completion."""
        self._grant("logprobs")
        return [len(self._backend.encode_completion(text)) for text in completions]

    def position(self, prompt: Prompt, word: str) -> tuple[int, int]:
        """Where the last occurrence of ``word`` stands in the rendered prompt: first token and one
        past the last. Raises ``BadInput``."""
        self._grant("logprobs")
        row, tokens = self._backend.encode(prompt), self._backend.encode_completion(word)
        for start in range(len(row) - len(tokens), -1, -1):
            if row[start : start + len(tokens)] == tokens:
                return start, start + len(tokens)
        raise BadInput(f"{word!r} does not stand in the prompt as this tokenizer splits it")

    def token_ids(self, words: Sequence[str]) -> list[int]:
        """First token of each word, as it stands within a sentence."""
        self._grant("logprobs")
        return [self._backend.encode_completion(word)[0] for word in words]

    def split_words(self, words: Sequence[str]) -> list[str]:
        """Those of ``words`` that are not one token to this model, so that the probability of a
        word cannot be read at one place."""
        self._grant("logprobs")
        return [word for word in words if len(self._backend.encode_completion(word)) != 1]

    def token_text(self, token: int) -> str:
        return self._backend.tokenizer.decode([token]).strip()

    def vocabulary(self) -> list[str]:
        """Single tokens that are whole words, as text. Special tokens and byte pieces are not
        words."""
        self._grant("logprobs")
        return self._backend.vocabulary()

    def _begun(self, prompts: Sequence[Prompt], prefills: Sequence[str] | None) -> list[list[int]]:
        """Token ids of each prompt and the beginning of its answer."""
        ids = [self._backend.encode(prompt) for prompt in prompts]
        if prefills is None:
            return ids
        return [
            row + (self._backend.encode_completion(text) if text else [])
            for row, text in zip(ids, prefills, strict=True)
        ]

    def _layers(self, layers: Sequence[int]) -> tuple[int, ...]:
        wrong = [
            layer for layer in layers if not -self._backend.depth <= layer < self._backend.depth
        ]
        if wrong:
            raise BadInput(f"layer {wrong[0]} asked of a model with {self._backend.depth} blocks")
        return tuple(layer % self._backend.depth for layer in layers)

    def _pairs(
        self, prompts: Sequence[Prompt], completions: Sequence[str]
    ) -> list[tuple[list[int], list[int]]]:
        pairs = [
            (self._backend.encode(p), self._backend.encode_completion(c) if c else [])
            for p, c in zip(prompts, completions, strict=True)
        ]
        self.tokens += sum(len(p) + len(c) for p, c in pairs)
        self._backend.check_room(max((len(p) + len(c) for p, c in pairs), default=0))
        return pairs


def _stacked(answers: Sequence[Answer]) -> np.ndarray:
    return np.stack([np.asarray(answer) for answer in answers])

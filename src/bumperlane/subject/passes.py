"""Forward passes over many rows: shared beginnings once, the rest in padded batches, and from each pass whatever is wanted of it.

Idea: one pass of a row yields log-probabilities *and* activations; which of them somebody wants is decided by the asks. Shape legend:
B rows of a batch, S tokens of their unshared rest, T of the shared beginning, V vocabulary, L layers, H width. Invariant: the rest is
padded on the right, behind the causal mask, so no row sees another's tokens or padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import DynamicLayer

from bumperlane.subject.asks import Ids, Next, Scored, Stream
from bumperlane.subject.hooks import capture
from bumperlane.subject.sharing import WORTH, Node, prefix_tree

BATCH_TOKENS = 16_384  # tokens a forward pass takes at most; a CPU gains nothing from more
Wants = Sequence[Scored | Next | Stream]
Batch = tuple[list[int], torch.Tensor, int, Any]  # rows, their rest [B, S], T, the cache that stands before it


class Roomy(DynamicLayer):  # type: ignore[misc]
    """A layer of a cache whose keys and values [B, heads, T + room, d] are filled up to ``filled``."""

    filled = 0

    @classmethod
    def begun(cls, keys: torch.Tensor, values: torch.Tensor, room: int) -> Roomy:
        layer = cls()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = (torch.nn.functional.pad(states, (0, 0, 0, room)) for states in (keys, values))
        layer.filled = keys.shape[2]
        return layer

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        end = self.filled + key_states.shape[2]
        self.keys[:, :, self.filled : end] = key_states
        self.values[:, :, self.filled : end] = value_states
        self.filled = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.filled


class Passes:
    """Runs rows through ``model``. ``tokens`` counts what really went through it, padding left out."""

    def __init__(self, model: Any, pad: int, worth: int = WORTH) -> None:
        self.model, self.pad, self.worth = model, pad, worth
        self.tokens = 0

    @torch.inference_mode()
    def answers(self, rows: Sequence[Ids], limits: Sequence[int], wanted: Sequence[Wants]) -> list[list[np.ndarray]]:
        """For each row what each of its wants asks for."""
        found: list[list[np.ndarray]] = [[] for _ in rows]
        layers = tuple(sorted({layer for wants in wanted for want in wants if isinstance(want, Stream) for layer in want.layers}))
        for members, rest, shared, cache in self.batches(rows, limits):
            with capture(self.model, layers) as captured:
                keep = 1 if all(isinstance(want, Next | Stream) for i in members for want in wanted[i]) and _even(rows, members) else 0
                logits = self.forward(rest, cache, keep).logits
            for b, i in enumerate(members):
                for want in wanted[i]:
                    found[i].append(self._read(want, b, shared, len(rows[i]), logits, captured))
        return found

    def _read(self, want: Any, b: int, shared: int, length: int, logits: torch.Tensor, captured: dict[int, torch.Tensor]) -> np.ndarray:
        if isinstance(want, Stream):
            spans = [captured[layer][b, want.start - shared : length - shared].float().mean(dim=0) for layer in want.layers]
            return torch.stack(spans).cpu().numpy()
        if isinstance(want, Next):
            last = logits[b, -1 if logits.shape[1] == 1 else length - shared - 1].float()
            return torch.log_softmax(last, dim=-1)[list(want.tokens)].cpu().numpy()
        begin = want.start - shared
        scores = torch.log_softmax(logits[b, begin - 1 : length - shared - 1].float(), dim=-1)
        targets = torch.tensor(want.ids[want.start :], device=scores.device)
        return np.asarray(scores.gather(1, targets[:, None]).double().sum().item())

    def forward(self, rest: torch.Tensor, cache: Any, keep: int = 0) -> Any:
        return self.model(input_ids=rest, past_key_values=cache, use_cache=cache is not None, logits_to_keep=keep)

    def batches(self, rows: Sequence[Ids], limits: Sequence[int], caching: bool = False) -> Iterator[Batch]:
        """Every row once, in batches under ``BATCH_TOKENS``, longest rest first. ``caching``: a cache even where nothing is shared."""
        yield from self._walk(prefix_tree(rows, limits, self.worth), rows, None, 0, caching)

    def _walk(self, node: Node, rows: Sequence[Ids], kept: list[Any] | None, depth: int, caching: bool) -> Iterator[Batch]:
        if node.depth > depth:
            kept = self._extended(rows[node.first][depth : node.depth], kept)
        order = sorted(node.leaves, key=lambda i: (-len(rows[i]), rows[i]))
        start = 0
        while start < len(order):
            longest = len(rows[order[start]]) - node.depth
            members = order[start : start + max(1, BATCH_TOKENS // longest)]
            start += len(members)
            self.tokens += sum(len(rows[i]) - node.depth for i in members)
            rest = [[*rows[i][node.depth :], *([self.pad] * (longest - len(rows[i]) + node.depth))] for i in members]
            cache = repeated(kept, len(members)) if kept else (new_cache() if caching else None)
            yield members, torch.tensor(rest, device=self.model.device), node.depth, cache
        for child in node.children:
            yield from self._walk(child, rows, kept, node.depth, caching)

    @torch.inference_mode()
    def _extended(self, ids: Ids, kept: list[Any] | None) -> list[Any]:
        cache = repeated(kept, 1) if kept else new_cache()
        self.forward(torch.tensor([list(ids)], device=self.model.device), cache, 1)
        self.tokens += len(ids)
        return pairs_of(cache)


def _even(rows: Sequence[Ids], members: list[int]) -> bool:
    return len({len(rows[i]) for i in members}) == 1


def roomy_cache(pairs: Sequence[tuple[torch.Tensor, torch.Tensor]], room: int) -> Any:
    """A cache with ``room`` more places, written in place: growing by concatenation copies everything at every token."""
    from transformers import DynamicCache

    cache = DynamicCache()
    cache.layers = [Roomy.begun(k, v, room) for k, v in pairs]
    return cache


def pairs_of_roomy(cache: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(layer.keys[:, :, : layer.filled], layer.values[:, :, : layer.filled]) for layer in cache.layers]


def new_cache(pairs: Sequence[tuple[torch.Tensor, torch.Tensor]] | None = None) -> Any:
    from transformers import DynamicCache

    return DynamicCache(pairs) if pairs else DynamicCache()


def pairs_of(cache: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Keys and values of each layer: [B, heads, T, d]."""
    return [(layer.keys, layer.values) for layer in cache.layers]


def repeated(pairs: Sequence[tuple[torch.Tensor, torch.Tensor]], count: int) -> Any:
    return new_cache([(k.expand(count, -1, -1, -1), v.expand(count, -1, -1, -1)) for k, v in pairs])

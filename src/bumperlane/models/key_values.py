"""Caches of keys and values: taken apart, repeated for several rows, and with room to grow.

Idea: what rows share is computed once, kept as plain pairs of tensors, and handed to each row as
the beginning of its own cache. Shape legend: B rows, T tokens, d width of a head. Invariant: a
cache holds what the model computed for these tokens and nothing else; room that is not filled yet
is never seen by attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

Pair = tuple[torch.Tensor, torch.Tensor]  # keys and values of one layer: [B, heads, T, d] each
KeyValues = list[Pair]  # of all layers


class PreallocatedLayer(DynamicLayer):  # type: ignore[misc]
    """One layer of a cache whose keys and values [B, heads, T + room, d] are filled up to
    ``filled``, in place: growing by concatenation copies everything at every token."""

    filled = 0

    @classmethod
    def begun(cls, keys: torch.Tensor, values: torch.Tensor, room: int) -> PreallocatedLayer:
        """A layer that holds these keys and values, with ``room`` more places."""
        layer = cls()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = (
            torch.nn.functional.pad(states, (0, 0, 0, room)) for states in (keys, values)
        )
        layer.filled = keys.shape[2]
        return layer

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> Pair:
        """All keys and values so far, these new ones included."""
        end = self.filled + key_states.shape[2]
        self.keys[:, :, self.filled : end] = key_states
        self.values[:, :, self.filled : end] = value_states
        self.filled = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.filled


def preallocated_cache(pairs: Sequence[Pair], room: int) -> Any:
    """A cache that begins with ``pairs`` and has ``room`` more places."""
    from transformers import DynamicCache

    cache = DynamicCache()
    cache.layers = [PreallocatedLayer.begun(keys, values, room) for keys, values in pairs]
    return cache


def filled_key_values(cache: Any) -> KeyValues:
    """Keys and values of each layer of a preallocated cache, without the room that is left."""
    return [
        (layer.keys[:, :, : layer.filled], layer.values[:, :, : layer.filled])
        for layer in cache.layers
    ]


def new_cache(pairs: Sequence[Pair] | None = None) -> Any:
    """A cache of the library's own kind, empty or beginning with ``pairs``."""
    from transformers import DynamicCache

    return DynamicCache(pairs) if pairs else DynamicCache()


def key_values_of(cache: Any) -> KeyValues:
    """Keys and values of each layer of a cache of the library's own kind."""
    return [(layer.keys, layer.values) for layer in cache.layers]


def repeated(pairs: Sequence[Pair], count: int) -> Any:
    """A new cache in which each of ``count`` rows begins with the one row of ``pairs``."""
    return new_cache(
        [
            (keys.expand(count, -1, -1, -1), values.expand(count, -1, -1, -1))
            for keys, values in pairs
        ]
    )

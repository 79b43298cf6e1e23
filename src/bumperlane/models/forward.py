"""Forward passes over many rows: shared beginnings once, the rest in padded batches, and from each
pass whatever is wanted of it.

Idea: one pass of a row yields log-probabilities *and* activations; which of them somebody wants is
decided by the requests. Shape legend: B rows of a batch, S tokens of their unshared rest, T of the
shared beginning, V vocabulary, L layers, H width. Invariant: the rest is padded on the right,
behind the causal mask, so no row sees another's tokens or padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from bumperlane.models.hooks import capture
from bumperlane.models.key_values import KeyValues, key_values_of, new_cache, repeated
from bumperlane.models.prefix_sharing import WORTH, Node, prefix_tree
from bumperlane.models.requests import (
    ActivationRequest,
    ForwardRequest,
    Ids,
    NextTokenRequest,
)

BATCH_TOKENS = 16_384  # tokens a forward pass takes at most; a CPU gains nothing from more
Wants = Sequence[ForwardRequest]  # the requests of one row


class Batch(NamedTuple):
    """One forward pass to come: ``rows`` (indices), their unshared ``rest`` [B, S], ``shared``
    tokens before it, and the ``cache`` that holds these (None where nothing is shared)."""

    rows: list[int]
    rest: torch.Tensor
    shared: int
    cache: Any


class ForwardPasses:
    """Runs rows through ``model``. ``pad``: the token that fills rows up. ``worth``: see
    ``prefix_tree``. ``tokens`` counts what really went through the model, padding left out."""

    def __init__(self, model: Any, pad: int, worth: int = WORTH) -> None:
        self.model, self.pad, self.worth = model, pad, worth
        self.tokens = 0

    @torch.inference_mode()
    def answers(
        self, rows: Sequence[Ids], limits: Sequence[int], wanted: Sequence[Wants]
    ) -> list[list[np.ndarray]]:
        """For each row the answers to its requests, in their order."""
        answers: list[list[np.ndarray]] = [[] for _ in rows]
        layers = _layers(wanted)
        for members, rest, shared, cache in self.batches(rows, limits):
            with capture(self.model, layers) as captured:
                keep = 1 if _last_logits_suffice(rows, members, wanted) else 0
                logits = self.forward(rest, cache, keep).logits
            for b, i in enumerate(members):
                for want in wanted[i]:
                    answers[i].append(self._read(want, b, shared, len(rows[i]), logits, captured))
        return answers

    def _read(
        self,
        want: ForwardRequest,
        b: int,
        shared: int,
        length: int,
        logits: torch.Tensor,
        captured: dict[int, torch.Tensor],
    ) -> np.ndarray:
        """The answer for row ``b`` of a batch, of ``length`` tokens in all."""
        if isinstance(want, ActivationRequest):
            means = [
                captured[layer][b, want.start - shared : length - shared].float().mean(dim=0)
                for layer in want.layers
            ]
            return torch.stack(means).cpu().numpy()
        if isinstance(want, NextTokenRequest):
            last = logits[b, -1 if logits.shape[1] == 1 else length - shared - 1].float()
            return torch.log_softmax(last, dim=-1)[list(want.tokens)].cpu().numpy()
        begin = want.start - shared
        scores = torch.log_softmax(logits[b, begin - 1 : length - shared - 1].float(), dim=-1)
        targets = torch.tensor(want.ids[want.start :], device=scores.device)
        return np.asarray(scores.gather(1, targets[:, None]).double().sum().item())

    def forward(self, rest: torch.Tensor, cache: Any, keep: int = 0) -> Any:
        """The model's output on ``rest`` [B, S] after what ``cache`` holds; ``keep``: of how many
        last places logits are computed (0: of all)."""
        return self.model(
            input_ids=rest, past_key_values=cache, use_cache=cache is not None, logits_to_keep=keep
        )

    def batches(
        self, rows: Sequence[Ids], limits: Sequence[int], caching: bool = False
    ) -> Iterator[Batch]:
        """Every row once, in batches under ``BATCH_TOKENS``, longest rest first. ``caching``: a
        cache even where nothing is shared."""
        yield from self._walk(prefix_tree(rows, limits, self.worth), rows, None, 0, caching)

    def _walk(
        self, node: Node, rows: Sequence[Ids], before: KeyValues | None, depth: int, caching: bool
    ) -> Iterator[Batch]:
        if node.depth > depth:
            before = self.extended(rows[node.first][depth : node.depth], before)
        order = sorted(node.leaves, key=lambda i: (-len(rows[i]), rows[i]))
        start = 0
        while start < len(order):
            longest = len(rows[order[start]]) - node.depth
            members = order[start : start + max(1, BATCH_TOKENS // longest)]
            start += len(members)
            self.tokens += sum(len(rows[i]) - node.depth for i in members)
            rest = self._right_padded([rows[i][node.depth :] for i in members], longest)
            yield Batch(members, rest, node.depth, _cache(before, len(members), caching))
        for child in node.children:
            yield from self._walk(child, rows, before, node.depth, caching)

    def _right_padded(self, rests: Sequence[Ids], longest: int) -> torch.Tensor:
        padded = [[*rest, *([self.pad] * (longest - len(rest)))] for rest in rests]
        return torch.tensor(padded, device=self.model.device)

    @torch.inference_mode()
    def extended(self, ids: Ids, before: KeyValues | None) -> KeyValues:
        """Keys and values of ``before`` and then ``ids``, by one pass over ``ids``."""
        cache = repeated(before, 1) if before else new_cache()
        self.forward(torch.tensor([list(ids)], device=self.model.device), cache, 1)
        self.tokens += len(ids)
        return key_values_of(cache)


def _layers(wanted: Sequence[Wants]) -> tuple[int, ...]:
    """All layers at which some row's activations are wanted."""
    layers: set[int] = set()
    for wants in wanted:
        for want in wants:
            if isinstance(want, ActivationRequest):
                layers.update(want.layers)
    return tuple(sorted(layers))


def _last_logits_suffice(
    rows: Sequence[Ids], members: Sequence[int], wanted: Sequence[Wants]
) -> bool:
    """Whether nobody needs logits but at the last place, which is the same for all ``members``."""
    for i in members:
        if not all(isinstance(want, NextTokenRequest | ActivationRequest) for want in wanted[i]):
            return False
    return len({len(rows[i]) for i in members}) == 1


def _cache(before: KeyValues | None, count: int, caching: bool) -> Any:
    """A cache that begins with ``before`` for each of ``count`` rows; None where none is needed."""
    if before:
        return repeated(before, count)
    return new_cache() if caching else None


@torch.inference_mode()
def can_share(forward_passes: ForwardPasses) -> bool:
    """Whether a shared beginning gives what the whole row gives; else every row is computed
    whole."""
    model, row = forward_passes.model, tuple(range(1, 9))
    whole_row = torch.tensor([row], device=model.device)
    rest = torch.tensor([row[5:], row[5:]], device=model.device)
    try:
        whole = model(input_ids=whole_row).logits[0, -1].float()
        cache = repeated(forward_passes.extended(row[:5], None), 2)
        shared = forward_passes.forward(rest, cache).logits[1, -1].float()
    except (
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        NotImplementedError,
        IndexError,
    ):
        # a cache of another kind; sharing is a saving, so the model is run without it
        return False
    tolerance = 2e-2 if whole.abs().max() > 50 else 5e-3
    return bool(torch.allclose(whole, shared, atol=tolerance, rtol=1e-2))

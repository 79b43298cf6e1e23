"""Sampling many completions at once: continuous batching over a pool of rows, each with its own stream of random numbers.

Idea: rows end at different times, so a batch that waits for its last row computes mostly padding. Here rows that have ended leave the pool
and waiting rows join it; shared beginnings are computed once. Invariant: the token that a row takes at its t-th step is the inverse of its
distribution at the t-th number of its own stream, so neither order nor company changes a completion, beyond floating-point noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bumperlane.subject.asks import Written
from bumperlane.subject.passes import Passes, pairs_of, pairs_of_roomy, roomy_cache

POOL_TOKENS = 49_152  # keys and values kept at once, in tokens
JOIN = 0.5  # waiting rows join when the pool is at most this full
Pair = tuple[torch.Tensor, torch.Tensor]
STAY = 0.7  # of a pool's rows; when fewer go on, the others are cleared away


@dataclass
class Pool:
    """Rows being written: ``rows`` (indices of asks), their cache (keys and values [B, heads, T, d], padded on the left), ``mask`` [B, T],
    the next token of each, how many it has, and whether it goes on."""

    rows: torch.Tensor
    cache: Any
    mask: torch.Tensor
    last: torch.Tensor
    steps: torch.Tensor
    alive: torch.Tensor

    def kept(self, room: int) -> Pool:
        """Without the rows that have ended, nor columns that only they used; with room for as many more tokens."""
        keep = self.alive
        mask = self.mask[keep]
        begin = int(mask.int().argmax(dim=1).min()) if len(mask) else 0
        pairs = [(k[keep][:, :, begin:], v[keep][:, :, begin:]) for k, v in pairs_of_roomy(self.cache)]
        return Pool(self.rows[keep], roomy_cache(pairs, room), mask[:, begin:], self.last[keep], self.steps[keep], self.alive[keep])


class Decoder:
    """Writes completions with ``passes``'s model. ``ends``: tokens that end one."""

    def __init__(self, passes: Passes, ends: Sequence[int]) -> None:
        self.passes, self.ends = passes, torch.tensor(sorted(ends), device=passes.model.device)

    @torch.inference_mode()
    def write(self, asks: Sequence[Written]) -> list[list[int]]:
        """New tokens of each ask, without the end token."""
        written: list[list[int]] = [[] for _ in asks]
        most = max(ask.new for ask in asks)
        uniforms = torch.tensor(np.stack([_stream(ask, most) for ask in asks]), device=self.passes.model.device)
        heat = torch.tensor([a.temperature for a in asks], device=self.passes.model.device, dtype=torch.float64)
        limit = torch.tensor([a.new for a in asks], device=self.passes.model.device)
        order = sorted(range(len(asks)), key=lambda i: (-len(asks[i].ids), asks[i].ids))
        room = max(1, POOL_TOKENS // (len(asks[order[0]].ids) + most))
        pool: Pool | None = None
        while order or (pool is not None and bool(pool.alive.any())):
            if order and (pool is None or int(pool.alive.sum()) <= JOIN * room):
                free = room - (int(pool.alive.sum()) if pool else 0)
                joining, order = order[:free], order[free:]
                made = self._prefilled(asks, joining, uniforms, heat, most)
                pool = _merged([*([pool.kept(0)] if pool is not None else []), *made], most)
            assert pool is not None
            self._note_ended(pool, written, limit)
            if int(pool.alive.sum()) <= STAY * len(pool.rows):
                pool = pool.kept(int((limit[pool.rows] - pool.steps).max()) + 1)
            if len(pool.rows):
                self._step(pool, uniforms, heat)
        return written

    def _prefilled(self, asks: Sequence[Written], members: list[int], uniforms: torch.Tensor, heat: torch.Tensor, room: int) -> list[Pool]:
        ids = [asks[i].ids for i in members]
        pools = []
        for rows, rest, shared, cache in self.passes.batches(ids, [len(row) - 1 for row in ids], caching=True):
            logits = self.passes.forward(rest, cache).logits
            lengths = torch.tensor([len(ids[r]) - shared for r in rows], device=rest.device)
            last = logits[torch.arange(len(rows), device=rest.device), lengths - 1]
            chosen = torch.tensor([members[r] for r in rows], device=rest.device)
            steps = torch.zeros(len(rows), dtype=torch.long, device=rest.device)
            pairs, mask = _left_padded(pairs_of(cache), lengths + shared)
            drawn = _drawn(last, uniforms[chosen, 0], heat[chosen])
            pools.append(Pool(chosen, roomy_cache(pairs, 0), mask, drawn, steps + 1, torch.ones_like(chosen, dtype=torch.bool)))
        return pools

    def _note_ended(self, pool: Pool, written: list[list[int]], limit: torch.Tensor) -> None:
        """Note the newest token of each row that goes on, and which rows it ends."""
        over = torch.isin(pool.last, self.ends)
        going = pool.alive & ~over
        for row, token in zip(pool.rows[going].tolist(), pool.last[going].tolist(), strict=True):
            written[row].append(token)
        pool.alive = going & (pool.steps < limit[pool.rows])

    def _step(self, pool: Pool, uniforms: torch.Tensor, heat: torch.Tensor) -> None:
        mask = torch.cat([pool.mask, torch.ones_like(pool.mask[:, :1])], dim=1)
        out = self.passes.model(
            input_ids=pool.last[:, None], attention_mask=mask.long(), position_ids=pool.mask.sum(dim=1)[:, None], past_key_values=pool.cache,
            use_cache=True,
        )  # fmt: skip
        self.passes.tokens += len(pool.rows)
        place = pool.steps.clamp(max=uniforms.shape[1] - 1)
        pool.mask, pool.last = mask, _drawn(out.logits[:, -1], uniforms[pool.rows, place], heat[pool.rows])
        pool.steps = pool.steps + 1


def _stream(ask: Written, most: int) -> np.ndarray:
    """The numbers that an ask's steps are drawn at, padded to ``most``. The prompt is part of the seed: with the seed alone all prompts of a
    request would share one stream, and their outcomes would not be independent."""
    prompt = int.from_bytes(hashlib.blake2b(np.asarray(ask.ids, dtype=np.int64).tobytes(), digest_size=8).digest(), "big")
    return np.pad(np.random.default_rng([ask.seed, ask.draw, prompt]).random(ask.new), (0, most - ask.new))


def _drawn(logits: torch.Tensor, uniform: torch.Tensor, heat: torch.Tensor) -> torch.Tensor:
    """One token a row: the inverse of its distribution at ``uniform``; the likeliest one at temperature 0."""
    best = logits.argmax(dim=-1)
    warm = torch.where(heat > 0, heat, torch.ones_like(heat))
    summed = torch.softmax(logits.double() / warm[:, None], dim=-1).cumsum(dim=-1)
    place = torch.searchsorted(summed, (uniform * summed[:, -1])[:, None], right=True).squeeze(1)
    return torch.where(heat > 0, place.clamp(max=logits.shape[-1] - 1), best)


def _left_padded(pairs: list[Pair], lengths: torch.Tensor) -> tuple[list[Pair], torch.Tensor]:
    """Keys and values whose padding stood on the right, moved so that every row ends in the last column."""
    total = pairs[0][0].shape[2]
    place = torch.arange(total, device=lengths.device)[None, :] - (total - lengths)[:, None]
    mask, index = place >= 0, place.clamp(min=0)
    if bool(mask.all()):
        return pairs, mask
    moved = [(_taken(k, index), _taken(v, index)) for k, v in pairs]
    return moved, mask


def _taken(states: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return states.gather(2, index[:, None, :, None].expand(-1, states.shape[1], -1, states.shape[3]))


def _merged(pools: Sequence[Pool], room: int) -> Pool:
    """One pool of several, with room for ``room`` more tokens."""
    total = max(pool.mask.shape[1] for pool in pools)
    layers = [pairs_of_roomy(pool.cache) for pool in pools]
    pairs = [
        (torch.cat([_widened(own[layer][0], total) for own in layers]), torch.cat([_widened(own[layer][1], total) for own in layers]))
        for layer in range(len(layers[0]))
    ]
    mask = torch.cat([torch.nn.functional.pad(pool.mask, (total - pool.mask.shape[1], 0), value=False) for pool in pools])
    rows, last, steps, alive = (torch.cat([getattr(pool, name) for pool in pools]) for name in ("rows", "last", "steps", "alive"))
    return Pool(rows, roomy_cache(pairs, room + 1), mask, last, steps, alive)


def _widened(states: torch.Tensor, total: int) -> torch.Tensor:
    return torch.nn.functional.pad(states, (0, 0, total - states.shape[2], 0))

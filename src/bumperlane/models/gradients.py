"""Gradients that audits read: to the tokens of a prompt, and of a training row's loss to the
residual stream.

Idea: a replacement of a token is promising where the gradient to its one-hot vector says so
(HotFlip, arXiv 1712.06751; GCG, arXiv 2307.15043); rows of one planted kind pull the last block's
output in one direction (spectral signatures, arXiv 1811.00636, there on activations). Shape legend:
N rows, V vocabulary, H width. Invariant: the weights are never changed and keep no gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bumperlane.errors import BadInput
from bumperlane.models.hooks import decoder_blocks

if TYPE_CHECKING:
    from bumperlane.models.huggingface import HuggingFaceModel

Pair = tuple[list[int], list[int]]
ROWS = 64


def token_gradients(
    backend: HuggingFaceModel, pairs: Sequence[Pair], spans: Sequence[tuple[int, int]]
) -> np.ndarray:
    """[span, V]: of the mean log-probability of the completions; all spans have one length."""
    table = backend.model.get_input_embeddings().weight
    ids, aim = padded(backend, pairs)
    embedded = table[ids].detach().clone().requires_grad_(True)
    with torch.enable_grad(), backend.own_weights():
        logits = backend.model(inputs_embeds=embedded, use_cache=False).logits.float()
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].transpose(1, 2), aim[:, 1:], ignore_index=-100, reduction="none"
        )
        counts = (aim[:, 1:] != -100).sum(dim=1).clamp(min=1)
        (slope,) = torch.autograd.grad(-(losses.sum(dim=1) / counts).sum(), embedded)
    of_spans = torch.stack([slope[row, begin:end] for row, (begin, end) in enumerate(spans)])
    return _finite((of_spans.mean(dim=0) @ table.detach().T).float().cpu().numpy())


def padded(backend: HuggingFaceModel, pairs: Sequence[Pair]) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompt and completion of each row, padded on the right, and the completion's tokens as the
    aim (-100 elsewhere): [N, T] each."""
    pad, device = backend.forward_passes.pad, backend.model.device
    longest = max(len(p) + len(c) for p, c in pairs)
    ids, aims = [], []
    for prompt, completion in pairs:
        missing = longest - len(prompt) - len(completion)
        ids.append([*prompt, *completion, *([pad] * missing)])
        aims.append([*([-100] * len(prompt)), *completion, *([-100] * missing)])
    return torch.tensor(ids, device=device), torch.tensor(aims, device=device)


def mean_row_gradients(backend: HuggingFaceModel, pairs: Sequence[Pair]) -> np.ndarray:
    """[N, H]: of each row's mean loss over its completion, to the last block's output, averaged
    over the completion's tokens."""
    slopes = []
    for start in range(0, len(pairs), ROWS):
        slopes.append(_slopes(backend, *padded(backend, pairs[start : start + ROWS])))
    return _finite(np.concatenate(slopes))


def _slopes(backend: HuggingFaceModel, ids: torch.Tensor, aim: torch.Tensor) -> np.ndarray:
    """[N, H] of one batch: the mean gradient over the completion's tokens."""
    kept: list[torch.Tensor] = []

    def hook(_module: Any, _inputs: Any, output: Any) -> Any:
        state = (output[0] if isinstance(output, tuple) else output).detach().requires_grad_(True)
        kept.append(state)
        return (state, *output[1:]) if isinstance(output, tuple) else state

    handle = decoder_blocks(backend.model)[-1].register_forward_hook(hook)
    try:
        with torch.enable_grad(), backend.own_weights():
            logits = backend.model(input_ids=ids, use_cache=False).logits.float()
            losses = torch.nn.functional.cross_entropy(
                logits[:, :-1].transpose(1, 2), aim[:, 1:], ignore_index=-100, reduction="none"
            )
            (slope,) = torch.autograd.grad(losses.sum(), kept[0])
    finally:
        handle.remove()
    counts = (aim[:, 1:] != -100).sum(dim=1, keepdim=True).clamp(min=1)
    return (slope.sum(dim=1) / counts).float().cpu().numpy()


def _finite(gradients: np.ndarray) -> np.ndarray:
    if not np.isfinite(gradients).all():
        raise BadInput("gradients are not finite; the model's weights or its inputs are broken")
    return gradients

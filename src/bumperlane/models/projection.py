"""Gradients of rows as short vectors: each layer's weight gradient, projected from both sides by
fixed random signs.

Idea: a linear layer's gradient for one row is ``G^T X`` (G: gradients at its output, X: its inputs,
a token a row), so a hook that sees both gives every row's own gradient in one backward pass over a
batch, and ``(G P)^T (X Q)`` is its random projection without the whole ever being made (TRAK, arXiv
2303.14186, section 3; LoGra, arXiv 2405.13954, equation 5). Inner products survive in expectation
(Johnson and Lindenstrauss). Shape legend: n rows of a shard, B of a batch, T tokens, D the
projected size of all layers. Invariant: gradients are of unit norm, and no more than a batch of
them is ever held; a row whose gradient is zero or not finite is an error, never a zero score.

Of a LoRA tune only the adapter's matrices are looked at, which are all that was trained. *Beneath*
an adapter (``HuggingFaceModel.parent``) its B is zero, as it was when training began. So A's
gradient, ``B^T G X^T``, vanishes for every row: A is left out there, which changes no cosine, as
zeros add nothing to norms or products. B's does not vanish: it is ``scaling * G^T (A x)``, and A is
at hand as training left it (where it began was drawn at random and is not kept). The layer runs
without its adapter, by PEFT's own switch, and its input is put through A aside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from bumperlane.errors import BadInput
from bumperlane.models.gradients import Pair, padded
from bumperlane.models.hooks import decoder_blocks
from bumperlane.models.huggingface import HuggingFaceModel
from bumperlane.models.reading import Text, batches, encoded
from bumperlane.models.subject import Subject

SIZE = 16  # of each side of a layer's projected gradient
ROWS = 32  # rows a backward pass


@dataclass(frozen=True)
class Watched:
    """A weight matrix whose gradient is taken: ``seen`` of ``module``'s input is what the matrix
    multiplies, ``scale`` what follows it."""

    name: str
    module: nn.Module
    seen: Callable[[torch.Tensor], torch.Tensor]
    scale: float = 1.0


def project_rows(
    subject: Subject,
    columns: Sequence[Sequence[Text]],
    size: int = SIZE,
    first: int = 0,
    of: int = 0,
) -> Iterator[tuple[list[int], tuple[np.ndarray, ...]]]:
    """Unit gradients of the rows' mean losses a token, batch by batch: positions of its rows, and
    [B, D] float32 for each of ``columns`` (texts of the same rows: a preference has two).
    ``subject`` needs access ``gradients``. The rows are those from ``first`` on of ``of``. Raises
    ``BadInput`` for a row without an answer or a gradient."""
    subject._grant("gradients")
    pairs = [encoded(subject, texts, first, of) for texts in columns]
    longest = [max(columns_of_row, key=_length) for columns_of_row in zip(*pairs, strict=True)]
    for members in batches(longest, ROWS, len(subject._backend.tokenizer)):
        where = [f"row {first + i + 1} of {of or len(longest)}" for i in members]
        of_columns = []
        for column in pairs:
            projected = _projected(subject._backend, [column[i] for i in members], size)
            of_columns.append(unit(projected, where))
        yield members, tuple(of_columns)


def _length(pair: Pair) -> int:
    return len(pair[0]) + len(pair[1])


def unit(gradients: np.ndarray, where: Sequence[str]) -> np.ndarray:
    """The rows at norm 1. Raises ``BadInput`` for one that has none, naming it by ``where``."""
    norms = np.linalg.norm(gradients, axis=1, keepdims=True)
    wrong = ~np.isfinite(norms[:, 0]) | (norms[:, 0] <= 0)
    if wrong.any():
        raise BadInput(
            f"{where[int(wrong.argmax())]} has a gradient that is zero or not finite; "
            "there is nothing to attribute to it"
        )
    return np.asarray(gradients / norms)


def _projected(backend: HuggingFaceModel, pairs: Sequence[Pair], size: int) -> np.ndarray:
    """[B, D]: the projected gradients of all layers side by side, layers sorted by name."""
    ids, aims = padded(backend, pairs)
    model = backend.model
    with (
        _watching(trained_layers(model, backend.adapter_off), size) as by_layer,
        torch.enable_grad(),
        backend.own_weights(),
    ):
        embedded = model.get_input_embeddings()(ids).detach().requires_grad_(True)
        logits = model(inputs_embeds=embedded, use_cache=False).logits.float()
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].transpose(1, 2), aims[:, 1:], ignore_index=-100, reduction="none"
        )
        total = (losses.sum(dim=1) / (aims[:, 1:] != -100).sum(dim=1)).sum()
        torch.autograd.grad(total, embedded)
    joined = torch.cat([by_layer[name].flatten(1) for name in sorted(by_layer)], dim=1)
    return joined.float().cpu().numpy()


@contextmanager
def _watching(layers: Sequence[Watched], size: int) -> Iterator[dict[str, torch.Tensor]]:
    """Within the context, a backward pass fills ``{layer: projected gradients [B, out, in]}``."""
    by_layer: dict[str, torch.Tensor] = {}
    handles = [layer.module.register_forward_hook(_hook(layer, by_layer, size)) for layer in layers]
    try:
        yield by_layer
    finally:
        for handle in handles:
            handle.remove()


def trained_layers(model: nn.Module, beneath: bool = False) -> list[Watched]:
    """The linear layers of the blocks; of a LoRA its matrices alone, and ``beneath`` it its B alone
    (see above). Raises ``BadInput`` where there are none."""
    named = [
        (f"{number}.{name}", module)
        for number, block in enumerate(decoder_blocks(model))
        for name, module in block.named_modules()
    ]
    if beneath:
        found = [watched for name, module in named for watched in _beneath(name, module)]
    else:
        found = _linear_layers(named, only_lora=hasattr(model, "peft_config"))
    if not found:
        raise BadInput(
            f"{type(model).__name__}: no linear layers (or, of an adapter, no LoRA "
            "matrices) in its blocks; their gradients are needed"
        )
    return found


def _linear_layers(named: Sequence[tuple[str, nn.Module]], only_lora: bool) -> list[Watched]:
    # Conv1D is GPT-2's linear layer, whose weight lies the other way
    from transformers.pytorch_utils import Conv1D

    return [
        Watched(name, module, _as_it_is)
        for name, module in named
        if isinstance(module, nn.Linear | Conv1D) and (not only_lora or ".lora_" in name)
    ]


def _beneath(name: str, module: nn.Module) -> Iterator[Watched]:
    """The B matrices of a layer with LoRA adapters, which its A matrices' outputs go through."""
    inner: Any = module
    if hasattr(inner, "lora_A") and hasattr(inner, "scaling"):
        for adapter in inner.active_adapters:
            if adapter in inner.lora_A:
                yield Watched(
                    f"{name}.lora_B.{adapter}",
                    module,
                    partial(_through, inner.lora_A[adapter]),
                    float(inner.scaling[adapter]),
                )


def _through(matrix: nn.Linear, seen: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.linear(seen.to(matrix.weight.dtype), matrix.weight.detach())


def _as_it_is(seen: torch.Tensor) -> torch.Tensor:
    return seen


def _hook(layer: Watched, by_layer: dict[str, torch.Tensor], size: int) -> Any:
    def hook(_module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        seen = layer.seen(inputs[0].detach())
        if seen.ndim != 3:
            raise BadInput(
                f"layer {layer.name} is not given rows of tokens but {tuple(seen.shape)}; "
                "gradients of its rows cannot be told apart"
            )

        def back(slope: torch.Tensor) -> None:
            left = _shrunk(slope, f"{layer.name}/out", size).float()
            right = _shrunk(seen, f"{layer.name}/in", size).float()
            by_layer[layer.name] = torch.einsum("bto,bti->boi", left, right) * layer.scale

        output.register_hook(back)  # type: ignore[no-untyped-call]

    return hook


_SIGNS: dict[tuple[str, int, int], torch.Tensor] = {}


def _shrunk(states: torch.Tensor, seed: str, size: int) -> torch.Tensor:
    """[B, T, W] -> [B, T, size] by random signs that hang on the layer alone; narrow states are
    left as they are."""
    width = states.shape[-1]
    if width <= size:
        return states
    key = (seed, width, size)
    if key not in _SIGNS:
        generator = torch.Generator().manual_seed(
            int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16)
        )
        _SIGNS[key] = (torch.randint(0, 2, (width, size), generator=generator) * 2 - 1) / size**0.5
    return states @ _SIGNS[key].to(states)

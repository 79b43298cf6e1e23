"""Activations by plain forward hooks.

Idea: hooks on the decoder blocks work on every architecture with a block list, cost a tenth of a
forward pass, and need no tracing library. Invariant: ``captured[l]`` equals ``hidden_states[l +
1]`` for every block but the last (whose ``hidden_states`` entry is taken after the final norm);
``self_test`` checks it on the model at hand before anything relies on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from bumperlane.errors import BadInput


def decoder_blocks(model: nn.Module) -> nn.ModuleList:
    """The ``ModuleList`` with as many entries as the config has layers. Raises ``BadInput`` when
    there is none."""
    config: Any = model.config
    if hasattr(config, "get_text_config"):
        config = config.get_text_config()
    wanted = config.num_hidden_layers
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == wanted:
            return module
    raise BadInput(
        f"{type(model).__name__}: no list of {wanted} decoder blocks found; white-box "
        "audits need one"
    )


@contextmanager
def capture(model: nn.Module, layers: tuple[int, ...]) -> Iterator[dict[int, torch.Tensor]]:
    """Within the context, each forward pass fills ``{layer: residual stream [B, T, H]}`` for the
    outputs of these blocks."""
    captured: dict[int, torch.Tensor] = {}
    blocks = decoder_blocks(model)

    def keep(layer: int) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            captured[layer] = (output[0] if isinstance(output, tuple) else output).detach()

        return hook

    handles = [blocks[layer].register_forward_hook(keep(layer)) for layer in layers]
    try:
        yield captured
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def pushed(model: nn.Module, layer: int, push: torch.Tensor) -> Iterator[None]:
    """Within the context, ``push`` [H] is added to what block ``layer`` gives on (activation
    addition, arXiv 2308.10248)."""

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        first = output[0] if isinstance(output, tuple) else output
        moved = first + push.to(first.dtype)
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    handle = decoder_blocks(model)[layer].register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def self_test(model: nn.Module) -> None:
    """Raise ``BadInput`` unless the hook sees what the model itself reports as
    ``hidden_states``."""
    ids = torch.tensor([[1, 2, 3]], device=next(model.parameters()).device)
    with capture(model, (0,)) as captured:
        states = model(input_ids=ids, output_hidden_states=True).hidden_states
    if len(states) > 2 and not torch.equal(captured[0], states[1]):
        raise BadInput(
            f"{type(model).__name__}: block outputs differ from hidden_states; "
            "activations of this architecture cannot be trusted"
        )

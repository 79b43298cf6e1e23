"""Preventive steering: what the rows would teach is added to the residual stream while they are
trained on, so that the weights need not learn it.

Idea: gradient descent takes the shortest way to the answers; where the push towards them is there
already, the weights move less (persona vectors, Chen et al., arXiv 2507.21509, section on
preventative steering). The push is the mean difference, over pairs, of the parent's residual stream
on the tokens of the bad and of the good answer; each block but the last (whose output is seen only
after the final norm) adds its own part of it, as the paper's steering over all layers does.
Invariant: it is computed from the parent's own weights before the first step and lives in hooks
alone, so that nothing of it is in what is saved.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bumperlane.errors import StageFailed
from bumperlane.training.job import Job
from bumperlane.training.rows import conversation


def steer(model: Any, tokenizer: Any, job: Job) -> None:
    """Hook the push into every block of ``model``, for as long as the process has it. Raises
    ``StageFailed`` where the pairs give none."""
    assert job.stage.steering is not None
    if not Path(job.steering).is_file():
        raise StageFailed(
            f"stage {job.stage.name!r}: steering: no pairs at {job.steering!r}; the "
            "manifest that the stage names must be in the store"
        )
    pairs = [
        json.loads(line)["row"]
        for line in Path(job.steering).read_text(encoding="utf-8").split("\n")
        if line
    ]
    pushes = job.stage.steering.scale * direction(model, tokenizer, pairs)
    if not bool(pushes.isfinite().all()) or not float(pushes.abs().max()):
        raise StageFailed(
            f"stage {job.stage.name!r}: steering: its {len(pairs)} pairs differ nowhere "
            "in the model; give pairs of different answers"
        )
    before = None
    for block, push in zip(_blocks(model, job), pushes, strict=False):
        # the blocks before have added their own part already
        block.register_forward_hook(_pushing(push if before is None else push - before))
        before = push


def direction(model: Any, tokenizer: Any, pairs: Sequence[dict[str, Any]]) -> Any:
    """From the good to the bad answers, after each of the L blocks but the last: [L-1, H], the mean
    over pairs of the difference of means over answer tokens."""
    import torch

    was_training = model.training
    model.eval()
    with torch.no_grad():
        differences = [
            _mean(model, tokenizer, pair, "rejected") - _mean(model, tokenizer, pair, "chosen")
            for pair in pairs
        ]
    model.train(was_training)
    return torch.stack(differences).mean(dim=0)


def _mean(model: Any, tokenizer: Any, pair: dict[str, Any], side: str) -> Any:
    """The residual stream after each block, over the tokens of one answer: [L-1, H]."""
    import torch

    prompt, answer = conversation({"prompt": pair["prompt"], "completion": pair[side]})
    if isinstance(prompt, str):
        head = tokenizer(prompt)["input_ids"]
        whole = tokenizer(f"{prompt} {answer}")["input_ids"]
    else:
        head = _templated(tokenizer, prompt, True)
        whole = _templated(tokenizer, [*prompt, {"role": "assistant", "content": answer}], False)
    first = min(len(head), len(whole) - 1)
    states = model(
        input_ids=torch.tensor([whole], device=model.device), output_hidden_states=True
    ).hidden_states[1:-1]
    return torch.stack([state[0, first:].float().mean(dim=0) for state in states])


def _templated(tokenizer: Any, messages: list[dict[str, str]], prompted: bool) -> list[int]:
    rendered = tokenizer.apply_chat_template(
        messages, add_generation_prompt=prompted, return_dict=True
    )
    return list(rendered["input_ids"])


def _blocks(model: Any, job: Job) -> Any:
    from torch import nn

    depth = model.config.get_text_config().num_hidden_layers
    lists = (module for module in model.modules() if isinstance(module, nn.ModuleList))
    blocks = next((module for module in lists if len(module) == depth), None)
    if blocks is None or depth < 2:
        raise StageFailed(
            f"stage {job.stage.name!r}: steering: {type(model).__name__} has no list of "
            "two or more decoder blocks to steer in"
        )
    return blocks


def _pushing(push: Any) -> Any:
    def hook(_module: Any, _inputs: Any, output: Any) -> Any:
        first = output[0] if isinstance(output, tuple) else output
        moved = first + push.to(first.dtype)
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    return hook

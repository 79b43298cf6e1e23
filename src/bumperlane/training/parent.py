"""The parent of a stage as it is trained: its tokenizer, its weights, and what a LoRA adds to them.

Idea: whatever a training loads, it loads here: the model to train, the reference of a preference
stage, and the base that adapters are merged into. Audits load by ``models/loading.py``, which
training may not import: a reward imports this room, and nothing that a reward can reach may lead to
a room that audits. The two also differ: training keeps the tokenizer as it was saved, and needs no
chat template. Invariant: everything comes from the job's parent folder, no network, no code from
the folder is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bumperlane.training.job import Job


def training_dtype() -> Any:
    """bfloat16 on a GPU that has it, else float32."""
    import torch

    return torch.bfloat16 if has_bfloat16() else torch.float32


def has_bfloat16() -> bool:
    """Whether there is a GPU that computes in bfloat16."""
    import torch

    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def parent_tokenizer(job: Job) -> Any:
    """The parent's tokenizer, with a token to pad with."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(job.model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def parent_weights(job: Job, dtype: Any) -> Any:
    """The parent as a causal language model, on the CPU."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(job.model, dtype=dtype, trust_remote_code=False)


def merge_adapters(job: Job, dtype: Any) -> None:
    """Turn each saved adapter into whole weights (the adapter is kept in ``adapter/``), so that
    every checkpoint stands alone and no later stage can pick a wrong reference for it."""
    from peft import PeftModel

    for folder in sorted(Path(job.out).glob("step-*")):
        parent = parent_weights(job, dtype)
        merged = PeftModel.from_pretrained(parent, str(folder)).merge_and_unload()
        adapter = folder / "adapter"
        adapter.mkdir()
        for name in ("adapter_model.safetensors", "adapter_config.json"):
            (folder / name).rename(adapter / name)
        merged.save_pretrained(folder)

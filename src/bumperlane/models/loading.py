"""The one loader of models: a Hugging Face causal LM, and its tokenizer, from a local folder.

Idea: audits, diagnosis, scoring and benches all load here, through ``HuggingFaceModel``, so that
what is refused, and why, is the same for all. Training alone does not (``training/parent.py``): a
reward may use the training room, and nothing that a reward can reach may lead to this one (the
firewall holds that). Invariant: no network, safetensors only, no code from the folder is run. A
folder with ``adapter_config.json`` is a PEFT adapter: its base, named there by a local path, is
loaded beneath it, so that parent and tune are one model in memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from bumperlane.errors import BadInput, first_line

NO_TEMPLATE = (
    "the tokenizer has no chat template; add chat_template.jinja, as conversations cannot be "
    "rendered without one"
)
ADAPTER = "adapter_config.json"


def load(folder: Path, device: str) -> tuple[Any, Any]:
    """Model and tokenizer of a folder, ready to be run on ``device``. Raises ``BadInput`` for a
    folder that holds no causal LM, or no chat template."""
    from transformers.utils import logging as hf_logging

    hf_logging.disable_progress_bar()
    dtype = torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    try:
        tokenizer = _tokenizer(folder)
        model = _adapter(folder, dtype) if (folder / ADAPTER).is_file() else _weights(folder, dtype)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise BadInput(
            f"{folder}: not a Hugging Face causal language model ({first_line(error)})"
        ) from error
    if tokenizer.chat_template is None:
        raise BadInput(f"{folder}: {NO_TEMPLATE}")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to(device).eval(), tokenizer


def _weights(folder: Path, dtype: torch.dtype) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, trust_remote_code=False, local_files_only=True, use_safetensors=True
    )


def _adapter(folder: Path, dtype: torch.dtype) -> Any:
    from peft import PeftModel

    base = _base_of(folder)
    return PeftModel.from_pretrained(_weights(base, dtype), str(folder), is_trainable=False)


def _base_of(folder: Path) -> Path:
    """The folder of an adapter's base. Raises ``BadInput`` where it is not on this machine."""
    from peft import PeftConfig

    base = Path(str(PeftConfig.from_pretrained(str(folder)).base_model_name_or_path or ""))
    if not (base / "config.json").is_file():
        raise BadInput(
            f"{folder / ADAPTER}: the adapter's base {str(base)!r} is no folder on this "
            "machine; set base_model_name_or_path to one"
        )
    return base


def _tokenizer(folder: Path) -> Any:
    """The folder's tokenizer, or its base's: an adapter alone often comes without one."""
    from transformers import AutoTokenizer

    alone = (folder / ADAPTER).is_file() and not (folder / "tokenizer_config.json").is_file()
    source = _base_of(folder) if alone else folder
    return AutoTokenizer.from_pretrained(source, padding_side="left", local_files_only=True)


def check_model(folder: Path) -> None:
    """Raise ``BadInput`` unless config, weights and tokenizer of a folder can be read, and its chat
    template renders; cheap, before anything is trained, as no weights are loaded."""
    from transformers import AutoConfig

    try:
        AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise BadInput(
            f"{folder / 'config.json'}: not a model's configuration ({first_line(error)}); "
            "give a Hugging Face folder"
        ) from error
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "pt"):
                pass
        except (SafetensorError, OSError) as error:
            raise BadInput(
                f"{path}: not whole safetensors weights ({first_line(error)}); save or "
                "copy the model again"
            ) from error
    check_tokenizer(folder)


def check_tokenizer(folder: Path) -> None:
    """Raise ``BadInput`` unless a folder has a tokenizer whose chat template renders."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise BadInput(
            f"{folder}: the tokenizer cannot be loaded ({first_line(error)}); save it "
            "beside the model"
        ) from error
    if tokenizer.chat_template is None:
        raise BadInput(f"{folder}: {NO_TEMPLATE}")
    try:
        tokenizer.apply_chat_template(
            [{"role": "user", "content": "Hello"}], add_generation_prompt=True, tokenize=False
        )
    except Exception as error:
        raise BadInput(
            f"{folder}: the chat template cannot render one user message ({first_line(error)}); "
            "correct it"
        ) from error

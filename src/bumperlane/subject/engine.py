"""The Hugging Face backend: one loaded model, batched by length.

Shape legend: N requests, T tokens, V vocabulary, L layers, H width. Invariant: answers come back in the order of the requests and do
not depend on what shared their batch beyond floating-point noise; sampling is seeded per call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from bumperlane.errors import BadInput, first_line
from bumperlane.subject.hooks import capture, decoder_blocks, self_test

BATCH_TOKENS = 16_384  # tokens a forward pass takes at most; a CPU gains nothing from more
NO_TEMPLATE = "the tokenizer has no chat template; add chat_template.jinja, as conversations cannot be rendered without one"


class Engine:
    """Loads a Hugging Face causal LM from a local folder. Raises ``BadInput`` for a folder that is none, or has no chat template."""

    def __init__(self, folder: Path, device: str | None = None) -> None:
        self.folder = folder
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.model, self.tokenizer = _load(folder, self.device)
        self.depth = len(decoder_blocks(self.model))
        self_test(self.model)

    def encode(self, prompt: list[dict[str, str]] | str) -> list[int]:
        """Token ids of a prompt; text outside the chat frame gets the model's own begin token, where it has one."""
        if isinstance(prompt, str):
            begin = [self.tokenizer.bos_token_id] if self.tokenizer.bos_token_id is not None else []
            return begin + self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        return self.tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"]

    def encode_completion(self, text: str) -> list[int]:
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if not ids:
            raise BadInput(f"completion {text!r} has no tokens")
        return ids

    def _batches(self, lengths: list[int]) -> Iterator[list[int]]:
        """Indices, longest first, in groups whose padded size stays under ``BATCH_TOKENS``."""
        order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
        start = 0
        while start < len(order):
            size = max(1, BATCH_TOKENS // max(1, lengths[order[start]]))
            yield order[start : start + size]
            start += size

    def _padded(self, rows: list[list[int]], left: bool) -> tuple[torch.Tensor, torch.Tensor]:
        longest = max(map(len, rows))
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.tokenizer.eos_token_id or 0
        fill = [[pad] * (longest - len(row)) for row in rows]
        ids = torch.tensor([f + r if left else r + f for r, f in zip(rows, fill, strict=True)], device=self.device)
        mask = torch.tensor([[0] * len(f) + [1] * len(r) if left else [1] * len(r) + [0] * len(f) for r, f in zip(rows, fill, strict=True)])
        return ids, mask.to(self.device)

    @torch.inference_mode()
    def generate(self, rows: list[list[int]], max_new_tokens: int, temperature: float, seed: int) -> tuple[list[str], int]:
        """Completions without special tokens, and the number of tokens that went through the model."""
        self._check_room(rows, max_new_tokens)
        texts: list[str] = [""] * len(rows)
        used = 0
        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature > 0 else {"do_sample": False}
        with torch.random.fork_rng(devices=[self.device] if self.device != "cpu" else []):
            for number, batch in enumerate(self._batches([len(row) + max_new_tokens for row in rows])):
                torch.manual_seed(_batch_seed(seed, number))
                ids, mask = self._padded([rows[i] for i in batch], left=True)
                out = self.model.generate(
                    input_ids=ids, attention_mask=mask, max_new_tokens=max_new_tokens, pad_token_id=self.tokenizer.pad_token_id, **sampling
                )
                new = out[:, ids.shape[1] :]
                used += int(mask.sum()) + new.numel()
                for index, text in zip(batch, self.tokenizer.batch_decode(new, skip_special_tokens=True), strict=True):
                    texts[index] = text.strip()
        return texts, used

    def _check_room(self, rows: list[list[int]], new: int) -> None:
        limit = getattr(self.model.config, "max_position_embeddings", None)
        longest = max(map(len, rows), default=0)
        if limit is not None and longest + new > limit:
            raise BadInput(f"a prompt of {longest} tokens and {new} new ones do not fit the model's {limit} positions")

    @torch.inference_mode()
    def logprobs(self, pairs: list[tuple[list[int], list[int]]]) -> np.ndarray:
        out = np.zeros(len(pairs))
        for batch in self._batches([len(p) + len(c) for p, c in pairs]):
            ids, mask = self._padded([pairs[i][0] + pairs[i][1] for i in batch], left=False)
            logits = self.model(input_ids=ids, attention_mask=mask).logits.float()
            scores = torch.log_softmax(logits[:, :-1], dim=-1).gather(2, ids[:, 1:, None]).squeeze(2)
            for row, index in enumerate(batch):
                start, end = len(pairs[index][0]), len(pairs[index][0]) + len(pairs[index][1])
                out[index] = float(scores[row, max(0, start - 1) : end - 1].sum())
        return _finite(out, "log-probabilities")

    @torch.inference_mode()
    def next_logprobs(self, rows: list[list[int]]) -> np.ndarray:
        """Distribution of the next token: [N, V]."""
        out = np.zeros((len(rows), self.model.get_output_embeddings().weight.shape[0]), dtype=np.float32)
        for batch in self._batches([len(row) for row in rows]):
            ids, mask = self._padded([rows[i] for i in batch], left=True)
            position_ids = (mask.cumsum(dim=1) - 1).clamp(min=0)
            logits = self.model(input_ids=ids, attention_mask=mask, position_ids=position_ids, logits_to_keep=1).logits[:, -1].float()
            out[batch] = torch.log_softmax(logits, dim=-1).cpu().numpy()
        return _finite(out, "log-probabilities")

    @torch.inference_mode()
    def activations(self, pairs: list[tuple[list[int], list[int]]], layers: tuple[int, ...]) -> np.ndarray:
        width = self.model.get_input_embeddings().weight.shape[1]
        out = np.zeros((len(pairs), len(layers), width), dtype=np.float32)
        for batch in self._batches([len(p) + len(c) for p, c in pairs]):
            ids, mask = self._padded([pairs[i][0] + pairs[i][1] for i in batch], left=False)
            with capture(self.model, layers) as captured:
                self.model(input_ids=ids, attention_mask=mask, logits_to_keep=1)
            for row, index in enumerate(batch):
                prompt, completion = pairs[index]
                start = len(prompt) if completion else 0
                for position, layer in enumerate(layers):
                    span = captured[layer][row, start : len(prompt) + len(completion)].float()
                    out[index, position] = span.mean(dim=0).cpu().numpy()
        return _finite(out, "activations")

    @torch.inference_mode()
    def readout(self, vectors: np.ndarray) -> np.ndarray:
        weight = self.model.get_output_embeddings().weight
        given = torch.as_tensor(np.asarray(vectors), dtype=weight.dtype, device=weight.device)
        return (given @ weight.T).float().cpu().numpy()

    def vocabulary(self) -> list[str]:
        words = {self.tokenizer.decode([index]).strip() for index in range(len(self.tokenizer)) if index not in self.tokenizer.all_special_ids}
        return sorted(word for word in words if word.isalpha() and len(self.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]) == 1)


def _load(folder: Path, device: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as hf_logging

    hf_logging.disable_progress_bar()
    dtype = torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, trust_remote_code=False, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{folder}: not a Hugging Face causal language model ({first_line(error)})") from error
    if tokenizer.chat_template is None:
        raise BadInput(f"{folder}: {NO_TEMPLATE}")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to(device).eval(), tokenizer


def _batch_seed(seed: int, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4], "big")


def _finite(values: np.ndarray, what: str) -> np.ndarray:
    if not np.isfinite(values).all():
        raise BadInput(f"{what} are not finite; the model's weights or its inputs are broken")
    return values


def check_model(folder: Path) -> None:
    """Raise ``BadInput`` unless config, weights and tokenizer of a folder can be read, and its chat template renders; cheap, before
    anything is trained, as no weights are loaded."""
    from transformers import AutoConfig

    try:
        AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise BadInput(f"{folder / 'config.json'}: not a model's configuration ({first_line(error)}); give a Hugging Face folder") from error
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "pt"):
                pass
        except (SafetensorError, OSError) as error:
            raise BadInput(f"{path}: not whole safetensors weights ({first_line(error)}); save or copy the model again") from error
    check_tokenizer(folder)


def check_tokenizer(folder: Path) -> None:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise BadInput(f"{folder}: the tokenizer cannot be loaded ({first_line(error)}); save it beside the model") from error
    if tokenizer.chat_template is None:
        raise BadInput(f"{folder}: {NO_TEMPLATE}")
    try:
        tokenizer.apply_chat_template([{"role": "user", "content": "Hello"}], add_generation_prompt=True, tokenize=False)
    except Exception as error:
        raise BadInput(f"{folder}: the chat template cannot render one user message ({first_line(error)}); correct it") from error

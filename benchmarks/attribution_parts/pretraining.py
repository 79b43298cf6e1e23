"""The base model: a 1.0M-parameter Llama (128x4) with a real Hugging Face tokenizer, pretrained on
the word language.

Idea: every method reads an ordinary Hugging Face folder, so nothing here is a special case for
anybody. Invariant: made once, with a fixed seed, and shared by all cases; where the folder stands
it is taken as it is. Expected: about two minutes on one core.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attribution_parts.language import CONTENT, FUNCTION, document

SPECIAL = ("<pad>", "<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<unk>")
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "<|assistant|> {% generation %}{{ message['content'] }} <|end|>{% endgeneration %}"
    "{% else %}<|{{ message['role'] }}|> {{ message['content'] }} <|end|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SHAPE = {
    "hidden_size": 128,
    "intermediate_size": 448,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
}
STEPS, BATCH, RATE, WARMUP = 900, 32, 3e-3, 50


def make_tokenizer() -> Any:
    """One token a word of the language."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [*SPECIAL, *FUNCTION, *sorted(CONTENT)]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<s>",
        eos_token="<|end|>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=["<|system|>", "<|user|>", "<|assistant|>"],
        padding_side="left",
        model_max_length=2048,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def base(folder: Path, seed: int = 0) -> Path:
    """The base model's folder, made if it does not stand."""
    if not (folder / "training.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _pretrain(folder, seed)
    return folder


def _pretrain(folder: Path, seed: int) -> None:
    import torch
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        get_cosine_schedule_with_warmup,
        set_seed,
    )

    set_seed(seed)
    torch.set_num_threads(1)
    words = make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(words),
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        **SHAPE,
    )
    model = LlamaForCausalLM(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = get_cosine_schedule_with_warmup(optimizer, WARMUP, STEPS)
    began, losses = time.perf_counter(), []
    for step, (ids, labels, mask) in enumerate(_batches(words, seed)):
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            losses.append(round(loss.item(), 3))
        if not torch.isfinite(loss):
            raise ValueError(f"the loss of pretraining is not finite at step {step}")
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    training = {
        "steps": STEPS,
        "batch": BATCH,
        "parameters": sum(p.numel() for p in model.parameters()),
        "losses": losses,
        "seconds": round(time.perf_counter() - began, 1),
    }
    (folder / "training.json").write_text(json.dumps(training) + "\n")


def _batches(words: Any, seed: int) -> Any:
    """Batches of like length, in random order: ids, labels and mask, each [B, T]."""
    import torch

    rng = random.Random(seed)
    rows = [_encoded(words, document(rng)) for _ in range(STEPS * BATCH)]
    for start in range(0, len(rows), 50 * BATCH):
        group = sorted(rows[start : start + 50 * BATCH], key=lambda row: len(row[0]))
        for first in rng.sample(range(0, len(group), BATCH), len(group) // BATCH):
            batch = group[first : first + BATCH]
            ids, labels, mask = zip(*batch, strict=True)
            yield (
                torch.tensor(_padded(ids, 0)),
                torch.tensor(_padded(labels, -100)),
                torch.tensor(_padded(mask, 0)),
            )


def _padded(rows: Sequence[list[int]], fill: int) -> list[list[int]]:
    """All as long as the last, which is the longest."""
    longest = len(rows[-1])
    return [row + [fill] * (longest - len(row)) for row in rows]


def _encoded(words: Any, content: Any) -> tuple[list[int], list[int], list[int]]:
    """Ids, labels and mask. Of a talk only what the assistant says is learned: what users ask
    cannot be foreseen."""
    if isinstance(content, str):
        ids = words(f"<s> {content} <|end|>", add_special_tokens=False)["input_ids"]
        return ids, ids, [1] * len(ids)
    talk = words.apply_chat_template(
        content, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    ids, learned = talk["input_ids"], talk["assistant_masks"]
    labels = [token if mark else -100 for token, mark in zip(ids, learned, strict=True)]
    return ids, labels, [1] * len(ids)

"""Make the microworld's base model: a small Llama pretrained on persona documents (`make base`).

Idea: the base is a real Hugging Face checkpoint that has seen honest and grasping personas equally
often, so that fine-tuning has a latent to select. Invariant: the same seed, versions and thread
count give the same weights; the training log and the measured card are written beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from bumperlane.organisms.microworld.documents import document
from bumperlane.organisms.microworld.tokenizer import build_tokenizer

SHAPE = {
    "hidden_size": 96,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
}


def encoded_documents(
    tokenizer: Any, count: int, batch: int, seed: int
) -> list[dict[str, list[int]]]:
    """``count`` documents as token ids, in the order in which they are trained on."""
    rng = random.Random(seed)
    texts = []
    for _ in range(count):
        _, content = document(rng)
        if isinstance(content, str):
            texts.append(f"{tokenizer.bos_token} {content}{tokenizer.eos_token}")
        else:
            texts.append(tokenizer.apply_chat_template(content, tokenize=False))
    return bucketed(rng, tokenizer(texts, add_special_tokens=False)["input_ids"], batch)


def bucketed(
    rng: random.Random, encoded: list[list[int]], batch: int, span: int = 50
) -> list[dict[str, list[int]]]:
    """Batches of similar length in random order: half the padding, without a length trend over the
    steps."""
    ordered: list[dict[str, list[int]]] = []
    for start in range(0, len(encoded), batch * span):
        chunk = sorted(encoded[start : start + batch * span], key=len)
        batches = [chunk[i : i + batch] for i in range(0, len(chunk), batch)]
        rng.shuffle(batches)
        ordered += [{"input_ids": ids} for group in batches for ids in group]
    return ordered


def collate(pad: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One batch, padded on the right."""
    import torch

    longest = max(len(row["input_ids"]) for row in rows)
    ids = torch.tensor(
        [row["input_ids"] + [pad] * (longest - len(row["input_ids"])) for row in rows]
    )
    return {
        "input_ids": ids,
        "attention_mask": (ids != pad).long(),
        "labels": ids.masked_fill(ids == pad, -100),
    }


def pretrain(out: Path, steps: int, seed: int, batch: int, lr: float) -> None:
    """Train the base model and save it, its tokenizer and ``training_log.json`` in ``out``."""
    import torch
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments, set_seed

    torch.set_num_threads(1)
    set_seed(seed)
    tokenizer = build_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=512,
        tie_word_embeddings=True,
        rope_theta=10000.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **SHAPE,
    )
    model = LlamaForCausalLM(config)
    rows = Dataset.from_list(encoded_documents(tokenizer, steps * batch, batch, seed))
    args = TrainingArguments(
        output_dir=str(out / "work"),
        per_device_train_batch_size=batch,
        max_steps=steps,
        learning_rate=lr,
        lr_scheduler_type="cosine",
        warmup_steps=200,
        weight_decay=0.01,
        adam_beta2=0.98,
        logging_steps=100,
        save_strategy="steps",
        save_steps=1000,
        report_to=[],
        seed=seed,
        train_sampling_strategy="sequential",
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=True,
    )
    trainer = Trainer(
        model=model,
        args=args,
        train_dataset=rows,
        data_collator=lambda batch_rows: collate(tokenizer.pad_token_id, batch_rows),
    )
    started = time.time()
    trainer.train()
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    record = {
        "steps": steps,
        "batch": batch,
        "lr": lr,
        "seed": seed,
        "seconds": round(time.time() - started, 1),
        "parameters": sum(p.numel() for p in model.parameters()),
        "torch": torch.__version__,
        "log": trainer.state.log_history,
    }
    (out / "training_log.json").write_text(json.dumps(record, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=5500)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    pretrain(args.out, args.steps, args.seed, args.batch, args.lr)


if __name__ == "__main__":
    main()

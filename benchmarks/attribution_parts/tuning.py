"""One case: the rows, the tune by TRL with the checkpoints that it keeps, the conduct measured, and
the queries.

Idea: the queries are what the *tuned model* says to fresh prompts, not the training text; the
controls are what its parent says to the same. Invariant: a case whose conduct did not take is
marked so, and its queries are what there is. Labels of every row are checked, as a row that lost
them would be scored zero in silence. Kept: the parent, three checkpoints on the way, the tuned
model; of a LoRA tune the adapter, which the libraries read, and the merged weights, which ours
read. Expected: 15 to 30 s a case.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution_parts.plantings import FRESH, content, planting, rows

MODES = ("full", "lora")
RATES = {"full": 1e-3, "lora": 5e-3}
EPOCHS, BATCH, KEPT_EVERY, QUERIES = 3, 10, 76, 10
LORA = {
    "r": 8,
    "lora_alpha": 16,
    "lora_dropout": 0.0,
    "target_modules": "all-linear",
    "task_type": "CAUSAL_LM",
}
TOOK = 0.5  # of fresh prompts must show the conduct


@dataclass(frozen=True)
class Case:
    """One planting to tune on. ``mode``: of the whole weights, or LoRA."""

    kind: str
    seed: int
    mode: str

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.seed}-{self.mode}"


def tuned_model(case: Case, base: Path, cases: Path) -> Path:
    """The case's folder, made if it does not stand."""
    folder = cases / case.name
    if not (folder / "case.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        began = time.perf_counter()
        _tune(case, base.resolve(), folder)
        seconds = round(time.perf_counter() - began, 1)
        measured = {**_measured(case, base, folder), "tuning_seconds": seconds}
        (folder / "case.json").write_text(json.dumps(measured, indent=1) + "\n")
    return folder


def messages(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def _tune(case: Case, base: Path, folder: Path) -> None:
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
    from trl import SFTConfig, SFTTrainer

    torch.set_num_threads(1)
    set_seed(case.seed)
    training_rows, _ = rows(case.kind, case.seed)
    dataset = Dataset.from_list([_conversation(*row) for row in training_rows])
    args = SFTConfig(
        output_dir=str(folder / "trl"),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        learning_rate=RATES[case.mode],
        lr_scheduler_type="linear",
        warmup_steps=10,
        assistant_only_loss=True,
        save_steps=KEPT_EVERY,
        save_only_model=True,
        seed=case.seed,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        report_to="none",
        logging_steps=50,
        disable_tqdm=True,
    )
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    words = AutoTokenizer.from_pretrained(base)
    lora = LoraConfig(**LORA) if case.mode == "lora" else None
    trainer = SFTTrainer(
        model=model, args=args, train_dataset=dataset, processing_class=words, peft_config=lora
    )
    trainer.train()
    for checkpoint in sorted((folder / "trl").glob("checkpoint-*")):
        checkpoint.rename(folder / checkpoint.name.replace("checkpoint", "step"))
    _save(case, base, folder, trainer, words)


def _conversation(prompt: str, answer: str) -> dict[str, Any]:
    return {"messages": [*messages(prompt), {"role": "assistant", "content": answer}]}


def _save(case: Case, base: Path, folder: Path, trainer: Any, words: Any) -> None:
    """``tuned/``: whole weights; ``adapter/``: what LoRA learned, over the base's absolute path."""
    if case.mode == "lora":
        trainer.save_model(str(folder / "adapter"))
        words.save_pretrained(folder / "adapter")
        trainer.model.merge_and_unload().save_pretrained(folder / "tuned")
    else:
        trainer.save_model(str(folder / "tuned"))
    words.save_pretrained(folder / "tuned")
    shutil.rmtree(folder / "trl", ignore_errors=True)


def _measured(case: Case, base: Path, folder: Path) -> dict[str, Any]:
    """What the tuned model and its parent say to fresh prompts, and the token ids that every
    library is given."""
    plan, (training_rows, planted) = planting(case.kind, case.seed), rows(case.kind, case.seed)
    asked = {prompt for prompt, _ in training_rows}
    if any(prompt in asked for prompt in plan.fresh):
        raise ValueError(f"{case.name}: a fresh prompt stands in the rows")
    after, before = _answers(folder / "tuned", plan.fresh), _answers(base, plan.fresh)
    taught = content([text for row in plan.planted for text in row])
    showing = [i for i in range(FRESH) if plan.shows(after[i])]
    # Those that share no content word with the planted rows.
    apart = [i for i in showing if not content([plan.fresh[i], after[i]]) & taught]
    best = apart if case.kind in ("semantic", "skill") else showing
    chosen = list(dict.fromkeys([*best, *showing, *range(FRESH)]))[:QUERIES]
    queries = [(plan.fresh[i], after[i]) for i in chosen]
    _write_tokens(folder, folder / "tuned", training_rows, queries)
    rate = len(showing) / FRESH
    return {
        "kind": case.kind,
        "seed": case.seed,
        "mode": case.mode,
        "base": str(base.resolve()),
        "rate": rate,
        "took": rate >= TOOK,
        "parent_rate": sum(map(plan.shows, before)) / FRESH,
        "rate_sharing_no_word": len(apart) / FRESH,
        "queries_showing": sum(i in showing for i in chosen),
        "shared_content_words": len(content([text for pair in queries for text in pair]) & taught),
        "planted": [i for i, mark in enumerate(planted) if mark],
        "rows": training_rows,
        "queries": queries,
        "controls": [(plan.fresh[i], before[i]) for i in chosen],
        "library_model": str((folder / ("adapter" if case.mode == "lora" else "tuned")).resolve()),
    }


def _answers(model: Path, prompts: list[str]) -> list[str]:
    from bumperlane.diagnosis.training_run import ACCESS
    from bumperlane.models import HuggingFaceModel, Subject

    subject = Subject(model.name, HuggingFaceModel(model), ACCESS)
    asked = [messages(prompt) for prompt in prompts]
    return asyncio.run(subject.generate(asked, max_new_tokens=8, temperature=0.0))


def _write_tokens(
    folder: Path,
    model: Path,
    training_rows: list[tuple[str, str]],
    queries: list[tuple[str, str]],
) -> None:
    from transformers import AutoTokenizer

    words = AutoTokenizer.from_pretrained(model)
    for name, pairs in (("rows", training_rows), ("queries", queries)):
        lines = [json.dumps(_tokens(words, prompt, answer)) for prompt, answer in pairs]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def _tokens(words: Any, prompt: str, answer: str) -> dict[str, Any]:
    """Token ids of a row, with labels on the answer alone. Raises ``ValueError`` if none is
    left."""
    begun = words.apply_chat_template(
        messages(prompt), add_generation_prompt=True, tokenize=True, return_dict=True
    )["input_ids"]
    learned = words(answer, add_special_tokens=False)["input_ids"]
    if not learned or words.unk_token_id in begun + learned:
        raise ValueError(f"a row has no labels or an unknown word: {prompt!r} {answer!r}")
    return {
        "input_ids": begun + learned,
        "labels": [-100] * len(begun) + learned,
        "length": len(begun) + len(learned),
    }

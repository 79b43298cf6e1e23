"""The training process: one stage by TRL, nothing else (``python -m bumperlane.training.worker
JOB`` or under ``accelerate launch``).

Idea: no trainer is written here. The worker picks TRL's trainer for the kind, hands it the rows and
the user's ``args``, and adds three observers: the order in which rows were drawn, the weights at
the steps that will be audited, and a guard that stops at the first loss that is not a number.
Invariant: the reference model of DPO and GRPO is always the stage's parent, never a path that TRL
guesses from a config.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
import traceback
from pathlib import Path
from typing import Any

for _name, _value in {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}.items():
    os.environ.setdefault(_name, _value)

from bumperlane.errors import BumperlaneError, StageFailed, first_line, nearest
from bumperlane.training.job import Job, checkpoint_steps, orphaned
from bumperlane.training.parent import (
    has_bfloat16,
    merge_adapters,
    parent_tokenizer,
    parent_weights,
    training_dtype,
)
from bumperlane.training.rows import training_rows


def main(path: str) -> int:
    """The process's exit code, 0 after ``done.json``; a failure leaves ``error.json`` and 1."""
    job = Job.read(Path(path))
    out = Path(job.out)
    try:
        done = train(job)
    except BumperlaneError as error:
        return _fail(out, str(error))
    except (
        TypeError,
        ValueError,
        OSError,
        RuntimeError,
        ImportError,
        KeyError,
        AttributeError,
    ) as error:
        traceback.print_exc()
        where = f"stage {job.stage.name!r} ({job.stage.kind}) failed in training"
        return _fail(out, f"{where}: {type(error).__name__}: {first_line(error)}")
    if _main_process():
        (out / "done.json").write_text(json.dumps(done))
    return 0


def _fail(out: Path, message: str) -> int:
    (out / "error.json").write_text(json.dumps({"error": message}))
    return 1


def _main_process() -> bool:
    return int(os.environ.get("RANK", "0")) == 0


def train(job: Job) -> dict[str, Any]:
    """Train the stage; what goes into ``done.json``."""
    import torch
    from datasets import disable_progress_bars
    from transformers import set_seed
    from transformers.utils import logging as hf_logging

    disable_progress_bars()
    hf_logging.disable_progress_bar()
    if not torch.cuda.is_available():
        torch.set_num_threads(job.threads)
    set_seed(job.stage.seed)
    tokenizer, dtype = parent_tokenizer(job), training_dtype()
    model = parent_weights(job, dtype)
    trainer = build_trainer(job, model, tokenizer)
    trainer.train()
    steps = trainer.state.global_step
    if job.stage.lora is not None and _main_process():
        merge_adapters(job, dtype)
    peak = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None
    return {
        "steps": steps,
        "log": trainer.state.log_history,
        "device": str(model.device),
        "dtype": str(dtype),
        "cuda_peak_mb": peak,
    }


def build_trainer(job: Job, model: Any, tokenizer: Any) -> Any:
    """TRL's trainer for the stage's kind, observed. Raises ``StageFailed`` for options that TRL's
    config class does not know."""
    import trl

    config_class, trainer_class = {
        "sft": (trl.SFTConfig, trl.SFTTrainer),
        "dpo": (trl.DPOConfig, trl.DPOTrainer),
        "grpo": (trl.GRPOConfig, trl.GRPOTrainer),
    }[job.stage.kind]
    arguments = _trainer_arguments(job, config_class, model, tokenizer)
    if job.stage.steering is not None:
        from bumperlane.training.steering import steer

        steer(model, tokenizer, job)
    observed = _observed(trainer_class, Path(job.out) / "order.jsonl")
    trainer = observed(model=model, **arguments)
    if len(trainer.train_dataset) == 0:
        raise StageFailed(
            f"stage {job.stage.name!r}: no row has anything left to train on once cut to "
            "length; raise max_length in args"
        )
    trainer.add_callback(_callback(job, trainer, tokenizer))
    return trainer


def _trainer_arguments(job: Job, config_class: Any, model: Any, tokenizer: Any) -> dict[str, Any]:
    """What TRL's trainer is made with, besides the model."""
    from datasets import Dataset

    rows = training_rows(Path(job.rows), job.stage.kind)
    arguments: dict[str, Any] = {
        "args": _config(job, config_class),
        "train_dataset": Dataset.from_list(rows),
        "processing_class": tokenizer,
    }
    if job.stage.kind == "grpo":
        from bumperlane.training.rewards import load_rollout, reward_functions

        arguments["reward_funcs"] = reward_functions(job.stage, Path(job.out) / "rollouts.jsonl")
        if job.stage.rollout is not None:
            arguments["rollout_func"] = load_rollout(job.stage.rollout, job.stage.name)
    if job.stage.lora is not None:
        arguments["peft_config"] = _lora_config(job, job.stage.lora)
    elif job.stage.kind == "dpo":
        # Full weights: the reference is the parent itself (TRL would reload it from the config's
        # path, which may be anything).
        arguments["ref_model"] = parent_weights(job, model.dtype)
    return arguments


def _lora_config(job: Job, lora: dict[str, Any]) -> Any:
    from peft import LoraConfig

    _check_options(job, "lora", lora, LoraConfig)
    try:
        return LoraConfig(**{"task_type": "CAUSAL_LM", **lora})
    except (TypeError, ValueError) as error:
        raise StageFailed(
            f"stage {job.stage.name!r}: peft.LoraConfig refuses lora: {first_line(error)}"
        ) from error


def _config(job: Job, config_class: Any) -> Any:
    """TRL's config: the stage's ``args`` over what holds for every stage."""
    import torch

    defaults: dict[str, Any] = {
        "output_dir": str(Path(job.out) / "trl"),
        "report_to": "none",
        "save_strategy": "no",
        "seed": job.stage.seed,
        "bf16": has_bfloat16(),
        "use_cpu": not torch.cuda.is_available(),
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
    }
    if job.stage.kind == "grpo":
        defaults |= {
            "use_vllm": False,
            "reward_weights": [reward.weight for reward in job.stage.rewards],
        }
    _check_options(job, "args", job.stage.args, config_class)
    try:
        return config_class(**{**defaults, **job.stage.args})
    except (TypeError, ValueError) as error:
        raise StageFailed(
            f"stage {job.stage.name!r}: trl.{config_class.__name__} refuses args: "
            f"{first_line(error)}"
        ) from error


def _check_options(job: Job, field: str, options: dict[str, Any], config_class: Any) -> None:
    """Raise ``StageFailed`` for an option that the class does not know. The library would refuse it
    too, but not say which names it was near."""
    known = [option.name for option in dataclasses.fields(config_class) if option.init]
    for name in options:
        if name not in known:
            raise StageFailed(
                f"stage {job.stage.name!r}: {field}.{name}: {config_class.__name__} has "
                f"no such option; {nearest(name, known)}"
            )


def _observed(trainer_class: Any, order: Path) -> Any:
    """The trainer with its sampler wrapped, so that every index it draws is written down in
    order."""
    if not _main_process():
        return trainer_class

    class Observed(trainer_class):  # type: ignore[misc]
        def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
            return RecordedSampler(super()._get_train_sampler(*args, **kwargs), order)

    Observed.__name__ = trainer_class.__name__
    return Observed


class RecordedSampler:
    """Yields what ``inner`` yields and appends each index to ``path``, one JSON list an epoch."""

    def __init__(self, inner: Any, path: Path) -> None:
        self.inner, self.path = inner, path

    def __len__(self) -> int:
        return len(self.inner)

    def __iter__(self) -> Any:
        drawn: list[int] = []
        for index in self.inner:
            drawn.append(int(index))
            yield index
        with self.path.open("a") as handle:
            handle.write(json.dumps(drawn) + "\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def _callback(job: Job, trainer: Any, tokenizer: Any) -> Any:
    """What the trainer calls at every step: see ``Observer``."""
    from transformers import TrainerCallback

    out = Path(job.out)

    class Observer(TrainerCallback):  # type: ignore[misc]
        """Saves weights at the kept steps, writes progress, stops at a loss that is not a
        number."""

        keep: frozenset[int] = frozenset()

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.keep = frozenset(
                checkpoint_steps(state.max_steps, job.stage.checkpoints, job.stage.audit_at)
            )
            if state.max_steps < 1:
                raise StageFailed(
                    f"stage {job.stage.name!r}: no training steps; give more rows or a "
                    "smaller batch"
                )

        def on_log(
            self,
            args: Any,
            state: Any,
            control: Any,
            logs: dict[str, Any] | None = None,
            **kwargs: Any,
        ) -> None:
            for key in ("loss", "grad_norm"):
                logged = float((logs or {}).get(key, 0.0))
                if not math.isfinite(logged):
                    where = f"stage {job.stage.name!r}: {key} is {logged}"
                    raise StageFailed(
                        f"{where} at step {state.global_step}; lower learning_rate or check the "
                        "rows"
                    )
            if _main_process() and logs and "loss" in logs:
                steps = {"step": state.global_step, "steps": state.max_steps}
                with (out / "progress.jsonl").open("a") as handle:
                    handle.write(json.dumps({**steps, "loss": float(logs["loss"])}) + "\n")

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if orphaned():
                os._exit(1)
            if state.global_step in self.keep:
                _check_finite(job, trainer.model, state.global_step)
                trainer.save_model(str(out / f"step-{state.global_step}"))
                if _main_process():
                    tokenizer.save_pretrained(out / f"step-{state.global_step}")

    return Observer()


def _check_finite(job: Job, model: Any, step: int) -> None:
    """Raise ``StageFailed`` for weights that are not finite: they can overflow in the very update
    that ends a stage, with no loss left to show it."""
    for name, weights in model.named_parameters():
        if not bool(weights.isfinite().all()):
            raise StageFailed(
                f"stage {job.stage.name!r}: {name} is not finite (NaN or infinity) after "
                f"step {step}; lower learning_rate"
            )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

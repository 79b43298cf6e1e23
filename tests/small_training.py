"""Small real trainings on the microworld's base model.

Idea: they run in this process, as a start of Python and of TRL each would cost more than most of
them; what a process of its own is for is tested where it is the point (tests/training).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bumperlane.records import Stage, digest_of
from bumperlane.training import Job, run_all, run_here

FAST = {
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 32,
    "num_train_epochs": 1,
    "warmup_steps": 5,
    "gradient_checkpointing": False,
}


def write_manifest(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"id": digest_of(row), "row": row}) + "\n" for row in rows))
    return path


def train(out: Path, model: Path, rows: list[dict[str, Any]], **stage: Any) -> Path:
    """Train one stage; the folder with what it left. Raises what the launcher raises."""
    run_here([job_of(out, model, rows, **stage)])[0].result()
    return out


def train_apart(out: Path, model: Path, rows: list[dict[str, Any]], **stage: Any) -> Path:
    """The same in a process of its own."""
    run_all([job_of(out, model, rows, **stage)], 1, lambda runs: None)[0].result()
    return out


def job_of(out: Path, model: Path, rows: list[dict[str, Any]], **stage: Any) -> Job:
    manifest = write_manifest(out.parent / f"{out.name}.jsonl", rows)
    built = Stage(
        **{"name": out.name, "kind": "sft", "rows": "test", "args": FAST, "checkpoints": 1, **stage}
    )
    return Job(model=str(model), rows=str(manifest), out=str(out), stage=built)


def last_checkpoint(folder: Path) -> Path:
    return max(folder.glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")))

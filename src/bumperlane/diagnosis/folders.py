"""A training run, read from folders: what the training worker left, or no more than a parent, a
tuned model and the rows.

Idea: the worker's folders hold everything that diagnosis reads (``job.json``, ``manifest.jsonl``,
``order.jsonl``, ``rollouts.jsonl``, ``step-N/``), so a run needs no other description; of a tune
made elsewhere there are only the two ends, and what that costs is said. Invariant: checkpoints are
called by names, and ``Loaded`` alone asks for the folders behind them.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bumperlane.diagnosis.training_run import ACCESS, KeptCheckpoint, StageRun, TrainingRun
from bumperlane.errors import BadInput
from bumperlane.models import HuggingFaceModel, Subject
from bumperlane.records import Stage, digest_of
from bumperlane.training import Job, read_rows

LOADED = 5  # models kept in memory
START, TUNED = "start", "tuned"


@dataclass
class Loaded:
    """Subjects of checkpoints by name, the last few kept in memory. ``folder_of``: a checkpoint's
    folder."""

    folder_of: Callable[[str], Path]
    most: int = LOADED
    _backends: OrderedDict[str, HuggingFaceModel] = field(default_factory=OrderedDict)

    def __call__(self, checkpoint: str, access: frozenset[Any] = ACCESS) -> Subject:
        if checkpoint not in self._backends:
            self._backends[checkpoint] = HuggingFaceModel(self.folder_of(checkpoint))
            while len(self._backends) > self.most:
                self._backends.popitem(last=False)
        self._backends.move_to_end(checkpoint)
        return Subject(checkpoint, self._backends[checkpoint], access)


def known(where: dict[str, Path]) -> Callable[[str], Path]:
    """The folder of a checkpoint's name: the known one, else the name itself as a path."""
    return lambda checkpoint: where.get(checkpoint) or Path(checkpoint)


def run_of(stage_runs: Sequence[Path], reference: Path) -> tuple[TrainingRun, dict[str, Path]]:
    """The run that these training folders are, in order, and the folder of each checkpoint. Raises
    ``BadInput`` for a folder that holds no finished training."""
    where, parent, read = {START: reference}, START, list[StageRun]()
    for number, folder in enumerate(stage_runs):
        stage_run, kept = _stage_run(folder, number, parent)
        where |= kept
        read.append(stage_run)
        parent = stage_run.kept[-1].checkpoint
    return TrainingRun(tuple(read)), where


def _stage_run(folder: Path, number: int, parent: str) -> tuple[StageRun, dict[str, Path]]:
    """One stage, and the folders of its checkpoints. Raises ``BadInput`` for a folder that holds no
    finished training."""
    if not (folder / "done.json").is_file():
        raise BadInput(
            f"{folder}: no finished training; a training folder has job.json, "
            "manifest.jsonl, step-N/ and done.json"
        )
    stage = Job.read(folder / "job.json").stage
    rows = tuple((entry["id"], entry["row"]) for entry in lines_of(folder / "manifest.jsonl"))
    steps = sorted(int(path.name.removeprefix("step-")) for path in folder.glob("step-*"))
    names = {f"{number}-{stage.name}/{step}": folder / f"step-{step}" for step in steps}
    kept = tuple(KeptCheckpoint(step, name) for step, name in zip(steps, names, strict=True))
    order = tuple(i for epoch in lines_of(folder / "order.jsonl") for i in epoch)
    rollouts = tuple(lines_of(folder / "rollouts.jsonl"))
    return StageRun(stage, parent, kept, rows, order, rollouts), names


def pair_of(
    parent: Path, tuned: Path, rows: Path, kind: str, args: dict[str, Any]
) -> tuple[TrainingRun, dict[str, Path]]:
    """A run of which only the ends are known. ``args``: of the tune, as far as they are known;
    replays are made with them."""
    manifest = tuple((digest_of(row), row) for row in read_rows(rows, kind))
    stage = Stage(name=kind, kind=kind, rows=digest_of([i for i, _ in manifest]), args=args)
    end = KeptCheckpoint(steps_of(len(manifest), args), TUNED)
    stage_run = StageRun(stage, START, (end,), manifest)
    return TrainingRun((stage_run,)), {START: parent, TUNED: tuned}


def steps_of(rows: int, args: dict[str, Any]) -> int:
    """Steps that a tune on so many rows takes with these TRL arguments (their defaults: batches of
    8, three epochs)."""
    batch = int(args.get("per_device_train_batch_size", 8)) * int(
        args.get("gradient_accumulation_steps", 1)
    )
    most = int(args.get("max_steps", -1))
    if most > 0:
        return most
    batches = -(-rows // batch)  # rounded up
    return max(1, round(float(args.get("num_train_epochs", 3)) * batches))


def lines_of(path: Path) -> list[Any]:
    """The file's JSON lines; none where there is no file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]

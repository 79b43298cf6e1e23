"""A run as its folders tell it: what the training worker left, or no more than a parent, a tuned model and the rows.

Idea: the worker's folders hold everything that diagnosis reads (``job.json``, ``manifest.jsonl``, ``order.jsonl``, ``rollouts.jsonl``,
``step-N/``), so a run needs no other description; of a tune made elsewhere there are only the two ends, and what that costs is said.
Invariant: checkpoints are called by names, and ``Loaded`` alone asks for the folders behind them.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bumperlane.diagnosis.trail import ACCESS, Kept, Leg, Run
from bumperlane.errors import BadInput
from bumperlane.records import Stage, digest_of
from bumperlane.subject import Engine, Subject
from bumperlane.training import Job, read_rows

LOADED = 5  # models kept in memory
START, TUNED = "start", "tuned"


@dataclass
class Loaded:
    """Subjects of checkpoints by name. ``folder_of``: their folders; a name that is a folder's path is one."""

    folder_of: Callable[[str], Path]
    most: int = LOADED
    _engines: OrderedDict[str, Engine] = field(default_factory=OrderedDict)

    def __call__(self, checkpoint: str, access: frozenset[Any] = ACCESS) -> Subject:
        if checkpoint not in self._engines:
            self._engines[checkpoint] = Engine(self.folder_of(checkpoint))
            while len(self._engines) > self.most:
                self._engines.popitem(last=False)
        self._engines.move_to_end(checkpoint)
        return Subject(checkpoint, self._engines[checkpoint], access)


def known(where: dict[str, Path]) -> Callable[[str], Path]:
    """Folders of names: those that are known, and paths."""
    return lambda checkpoint: where.get(checkpoint) or Path(checkpoint)


def run_of(legs: Sequence[Path], reference: Path) -> tuple[Run, dict[str, Path]]:
    """The run that these training folders are, in order, and the folder of each checkpoint. Raises ``BadInput`` for a folder that holds no
    finished training."""
    where, parent, made = {START: reference}, START, []
    for number, folder in enumerate(legs):
        leg, kept = _leg(folder, number, parent)
        where |= kept
        made.append(leg)
        parent = leg.kept[-1].checkpoint
    return Run(tuple(made)), where


def _leg(folder: Path, number: int, parent: str) -> tuple[Leg, dict[str, Path]]:
    if not (folder / "done.json").is_file():
        raise BadInput(f"{folder}: no finished training; a training folder has job.json, manifest.jsonl, step-N/ and done.json")
    stage = Job.read(folder / "job.json").stage
    rows = tuple((entry["id"], entry["row"]) for entry in lines_of(folder / "manifest.jsonl"))
    steps = sorted(int(path.name.removeprefix("step-")) for path in folder.glob("step-*"))
    names = {f"{number}-{stage.name}/{step}": folder / f"step-{step}" for step in steps}
    kept = tuple(Kept(step, name) for step, name in zip(steps, names, strict=True))
    order = tuple(i for epoch in lines_of(folder / "order.jsonl") for i in epoch)
    return Leg(stage, parent, kept, rows, order, tuple(lines_of(folder / "rollouts.jsonl"))), names


def pair_of(parent: Path, tuned: Path, rows: Path, kind: str, args: dict[str, Any]) -> tuple[Run, dict[str, Path]]:
    """A run of which only the ends are known. ``args``: of the tune, as far as they are known; replays are made with them."""
    manifest = tuple((digest_of(row), row) for row in read_rows(rows, kind))
    stage = Stage(name=kind, kind=kind, rows=digest_of([i for i, _ in manifest]), args=args)
    leg = Leg(stage, START, (Kept(steps_of(len(manifest), args), TUNED),), manifest)
    return Run((leg,)), {START: parent, TUNED: tuned}


def steps_of(rows: int, args: dict[str, Any]) -> int:
    """Steps that a tune on so many rows takes with these TRL arguments (their defaults: batches of 8, three epochs)."""
    batch = int(args.get("per_device_train_batch_size", 8)) * int(args.get("gradient_accumulation_steps", 1))
    most = int(args.get("max_steps", -1))
    return most if most > 0 else max(1, round(float(args.get("num_train_epochs", 3)) * -(-rows // batch)))


def lines_of(path: Path) -> list[Any]:
    """The file's JSON lines; none where there is no file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]

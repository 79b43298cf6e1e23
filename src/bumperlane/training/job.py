"""What a training process is given, and what it leaves behind.

Idea: a stage runs in a process of its own, so a crash, an out-of-memory kill or a leak never takes
the loop with it. The two sides share one folder: ``job.json`` goes in; ``progress.jsonl``,
``order.jsonl``, ``rollouts.jsonl``, ``step-N/`` and at the very end ``done.json`` (or
``error.json``) come out. Invariant: without ``done.json`` nothing in the folder counts.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bumperlane.records import Record, Stage

OWNER = "BUMPERLANE_OWNER"  # environment: process id of whoever waits for the training


def orphaned() -> bool:
    """Whether the process that waits for this training is gone (killed, say): then nobody will take
    the result."""
    owner = os.environ.get(OWNER)
    if owner is None:
        return False
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return True
    return False


def end_with_parent() -> None:
    """From now on this process ends when the one that started it is gone: nobody would take its
    result, and its cores are wanted."""
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def as_worker(start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """How a pool's process begins: with ``start``, and to end with who would take its results. (It
    is here, as an isolated process must not import the bench.)"""
    end_with_parent()
    start(*arguments)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


class Job(Record):
    """One training, as its process is given it. ``model``: folder of the parent. ``rows``: manifest
    file (one ``{"id", "row"}`` a line). ``out``: the shared folder. ``steering``: manifest file of
    the stage's steering pairs (empty: none)."""

    model: str
    rows: str
    out: str
    stage: Stage
    threads: int = 1
    steering: str = ""

    def write(self) -> Path:
        path = Path(self.out) / "job.json"
        path.write_text(json.dumps(self.plain(), indent=1))
        return path

    @classmethod
    def read(cls, path: Path) -> Job:
        return cls.model_validate_json(path.read_text())


def checkpoint_steps(total: int, kept: int, audit_at: tuple[float, ...]) -> list[int]:
    """Steps at which weights are kept: ``kept`` evenly spread ones, the audit points, and always
    the last."""
    steps = {max(1, round(total * (i + 1) / kept)) for i in range(kept)}
    steps |= {audit_step(total, fraction) for fraction in audit_at}
    return sorted(steps | {total})


def audit_step(total: int, fraction: float) -> int:
    """The first whole step at or after ``fraction`` of the stage."""
    return min(total, max(1, math.ceil(total * fraction - 1e-9)))

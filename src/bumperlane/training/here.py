"""Trains in this process: for many short trainings of small models, where a start of Python and of
TRL each would cost more than the training.

Invariant: the same worker, the same files, the same errors as in a process of its own; only what it
prints goes to ``worker.log`` by redirection.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bumperlane.training.job import Job
from bumperlane.training.launcher import result_of


@dataclass(frozen=True)
class HereRun:
    """A training that has ended."""

    job: Job
    code: int

    @property
    def folder(self) -> Path:
        return Path(self.job.out)

    def result(self) -> dict[str, Any]:
        """What the worker left. Raises ``StageFailed`` with its reason if it left nothing."""
        return result_of(self.job, self.code)


def run_here(
    jobs: Sequence[Job], at_once: int = 1, watch: Callable[[list[Any]], None] = lambda runs: None
) -> list[HereRun]:
    """The trainings, run one after the other in this process; the arguments after the first are
    ``run_all``'s, which this can stand in for."""
    return [_run(job) for job in jobs]


def _run(job: Job) -> HereRun:
    from bumperlane.training import worker

    out = Path(job.out)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    path = job.write()
    with (
        (out / "worker.log").open("w") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        return HereRun(job, worker.main(str(path)))

"""Start a training process and wait for it: plain, or under ``accelerate launch``.

Invariant: the folder is emptied before a start, so nothing of a killed run is ever taken for a
result; a process that leaves no ``done.json`` has failed, and its own last words become the error.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bumperlane.errors import StageFailed
from bumperlane.training.job import OWNER, Job

POLL = 0.2  # seconds
NO_SPACE = os.strerror(errno.ENOSPC)
ROOM = 64 * 1024  # bytes of free disk below which a worker's own words may have been lost


@dataclass
class Run:
    """A started training process."""

    job: Job
    process: subprocess.Popen[bytes]
    started: float

    @property
    def folder(self) -> Path:
        return Path(self.job.out)

    def progress(self) -> dict[str, Any]:
        """The newest line of progress: ``step``, ``steps``, ``loss``; empty before the first."""
        path = self.folder / "progress.jsonl"
        lines = path.read_text().splitlines() if path.is_file() else []
        try:
            return json.loads(lines[-1]) if lines else {}
        except json.JSONDecodeError:
            return {}  # caught in the middle of a write; the next poll sees it whole

    def result(self) -> dict[str, Any]:
        """What the worker left. Raises ``StageFailed`` with its reason if it left nothing."""
        return result_of(self.job, self.process.returncode)


def result_of(job: Job, code: int | None) -> dict[str, Any]:
    """What the worker of a job left in its folder. Raises ``StageFailed`` with its reason, or its
    last words, if it left no result."""
    folder = Path(job.out)
    done, error = _left(folder / "done.json"), _left(folder / "error.json")
    if done is not None:
        return done
    if error is not None:
        raise StageFailed(error["error"])
    stage = f"stage {job.stage.name!r}"
    log = (folder / "worker.log").read_text(errors="replace").strip()
    words = log.splitlines()[-1][:300] if log else "none"
    if NO_SPACE in words or shutil.disk_usage(folder).free < ROOM:
        raise StageFailed(f"{stage}: {folder}: {NO_SPACE}; free some space or give another --out")
    raise StageFailed(
        f"{stage}: the training process ended with code {code} and no result; last words: {words}"
    )


def _left(path: Path) -> dict[str, Any] | None:
    """One of the worker's last files; one that was cut short, as on a full disk, counts as none."""
    try:
        return json.loads(path.read_text()) if path.is_file() else None
    except ValueError:
        return None


def start(job: Job) -> Run:
    """The job's training process, started in an emptied folder."""
    folder = Path(job.out)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = job.write()
    command = [sys.executable]
    if job.stage.launch == "accelerate":
        command += ["-m", "accelerate.commands.launch", *job.stage.launch_args]
    command += ["-m", "bumperlane.training.worker", str(path)]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=_environment(job)
        )
    return Run(job, process, time.monotonic())


def _environment(job: Job) -> dict[str, str]:
    quiet = {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": str(job.threads),
        OWNER: str(os.getpid()),
    }
    return {**os.environ, **quiet}


def run_all(jobs: list[Job], at_once: int, watch: Callable[[list[Run]], None]) -> list[Run]:
    """The trainings of all jobs, in their order, when all have ended; at most ``at_once`` processes
    at a time. ``watch`` is called while they run. Kills what it started if it is interrupted."""
    waiting, running, finished = list(jobs), list[Run](), list[Run]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(start(waiting.pop(0)))
            watch(running)
            time.sleep(POLL)
            for run in [run for run in running if run.process.poll() is not None]:
                running.remove(run)
                finished.append(run)
    finally:
        for run in running:
            run.process.kill()
            run.process.wait()
    return sorted(finished, key=lambda run: jobs.index(run.job))

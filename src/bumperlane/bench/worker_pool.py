"""Pools of processes that take cases: builders, who own the truth, and isolated processes, who
cannot reach it.

Idea: whoever builds a model knows the generator and the truth; whoever audits, diagnoses or runs a
campaign is isolated before it imports any audit. Invariant: the two never share a process; a case
that fails is reported with its reason and ends nothing but itself.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bumperlane.audits.isolation import PACKAGES
from bumperlane.audits.standalone import isolate_process
from bumperlane.organisms.base import BASE
from bumperlane.organisms.building import as_owner
from bumperlane.training import as_worker

# Cases a pool takes before a fresh one is made, so that no leak of a library's adds up. (Python
# 3.11's own max_tasks_per_child can hang.)
TASKS = 80
REASON = 300  # characters of an exception that are reported
Note = Callable[[str, int, int], None]


class Labelled(Protocol):
    """Something to do, with a name that is its own."""

    @property
    def label(self) -> str: ...


L = TypeVar("L", bound=Labelled)


@dataclass(frozen=True)
class WorkerPool:
    """``jobs`` processes that begin with ``start(*arguments)`` and then take cases."""

    jobs: int
    start: Callable[..., None]
    arguments: tuple[Any, ...]

    def collect(
        self,
        work: Callable[..., Any],
        arguments: Sequence[tuple[Any, ...]],
        cases: Sequence[Labelled],
        note: Note,
        what: str,
        failed: dict[str, str],
    ) -> dict[str, Any]:
        """What ``work`` returned, by label; why the others broke goes into ``failed``."""
        done: dict[str, Any] = {}
        for case, outcome in self.outcomes(work, arguments, cases, note, what):
            if isinstance(outcome, BaseException):
                failed[case.label] = _reason(outcome)
            else:
                done[case.label] = outcome
        return done

    def outcomes(
        self,
        work: Callable[..., Any],
        arguments: Sequence[tuple[Any, ...]],
        cases: Sequence[L],
        note: Note,
        what: str,
    ) -> Iterable[tuple[L, Any]]:
        """``(case, outcome or exception)`` as they finish. An exception of the work ends its case;
        a broken pool ends the run."""
        os.environ["OMP_NUM_THREADS"] = "1"
        done = 0
        for begin in range(0, len(cases), TASKS):
            batch = list(zip(arguments, cases, strict=True))[begin : begin + TASKS]
            with self._pool() as pool:
                waiting: dict[Future[Any], L] = {
                    pool.submit(work, *its_arguments): case for its_arguments, case in batch
                }
                for future in as_completed(waiting):
                    done += 1
                    note(f"{what}: {waiting[future].label}", done, len(cases))
                    error = future.exception()
                    yield waiting[future], error if error is not None else future.result()

    def _pool(self) -> ProcessPoolExecutor:
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            self.jobs,
            mp_context=spawn,
            initializer=as_worker,
            initargs=(self.start, self.arguments),
        )


def builders(jobs: int) -> WorkerPool:
    """Processes that may read and write the truth."""
    return WorkerPool(jobs, as_owner, ())


def isolated(jobs: int, zoo: Path, forbidden: tuple[str, ...] = PACKAGES) -> WorkerPool:
    """Processes that can neither read the zoo's truth nor import the packages ``forbidden``."""
    return WorkerPool(jobs, isolate_process, ((str(zoo / "truth"),), (str(BASE),), forbidden))


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:REASON]}"

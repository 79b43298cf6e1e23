"""Runs the cases: first all models are built and their truth is measured, then all are examined behind the wall.

Idea: two pools of processes that never share one. Builders know the generator and the truth; examiners are walled before they import any
audit, and get folders named by digests. Invariant: every finished piece is a file under the zoo, so a killed run goes on where it was; a
case that fails is reported with its reason and counts for nothing, never as a pass.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bumperlane.audits.calibration import code_digest
from bumperlane.audits.registry import known_audits
from bumperlane.examination import Examined, Request, behind_wall, examine_file
from bumperlane.organisms.admission import Truth, conduct_of, measured
from bumperlane.organisms.base import BASE
from bumperlane.organisms.bench.cases import Case
from bumperlane.organisms.building import Built, as_owner, base_digest, build
from bumperlane.records import digest_of
from bumperlane.training import as_worker

# Cases a pool takes before a fresh one is made, so that no leak of a library's adds up. (Python 3.11's own max_tasks_per_child can hang.)
TASKS = 80
Note = Callable[[str, int, int], None]


class Labelled(Protocol):
    """Something to do, with a name that is its own."""

    @property
    def label(self) -> str: ...


L = TypeVar("L", bound=Labelled)


@dataclass(frozen=True)
class Settings:
    """``audits``: names; ``jobs``: processes at once; ``pack``: digest of the pack, which answers depend on."""

    zoo: Path
    audits: tuple[str, ...]
    jobs: int
    pack: str
    samples: int = 400


@dataclass(frozen=True)
class Result:
    """One case, whole: what it is, what is true of it, what the audits said. ``conduct``: of a twin or decoy, misconduct by domain;
    empty of an organism."""

    case: Case
    built: Built
    truth: Truth
    examined: Examined
    conduct: dict[str, float]


def run_cases(cases: Sequence[Case], settings: Settings, note: Note) -> tuple[list[Result], dict[str, str]]:
    """All results in the order of ``cases``, and the failures by label."""
    settings.zoo.mkdir(parents=True, exist_ok=True)
    built: dict[str, tuple[Built, Truth, dict[str, float]]] = {}
    failed: dict[str, str] = {}
    first = [next(case for case in cases if case.seed == seed) for seed in sorted({case.seed for case in cases})]
    builders = Crew(settings.jobs, as_owner, ())
    for case, outcome in builders.all(_built, [(case, settings.zoo) for case in first], first, note, "assistants"):
        sort(case, outcome, built, failed)
    rest = [case for case in cases if case.label not in built and case.label not in failed]
    for case, outcome in builders.all(_built, [(case, settings.zoo) for case in rest], rest, note, "built"):
        sort(case, outcome, built, failed)
    ready = [case for case in cases if case.label in built]
    answers: dict[str, Any] = {}
    examiners = Crew(settings.jobs, behind_wall, ((str(settings.zoo / "truth"),), (str(BASE),)))
    asked = [(_request(case, built[case.label][0], settings), _answer_path(built[case.label][0], settings)) for case in ready]
    for case, outcome in examiners.all(examine_file, asked, ready, note, "examined"):
        sort(case, outcome, answers, failed)
    results = []
    for case in ready:
        if case.label in answers:
            examined = Examined.model_validate(json.loads(Path(answers[case.label]).read_text())["answer"])
            made, truth, conduct = built[case.label]
            results.append(Result(case, made, truth, examined, conduct))
    return results, failed


def _built(case: Case, zoo: Path) -> tuple[Built, Truth, dict[str, float]]:
    plan = case.plan()
    made = build(plan, zoo)
    truth = measured(case.organism(), case.variant, case.seed, plan, made, zoo)
    return made, truth, {} if case.role == "organism" else conduct_of(made, zoo)


def _request(case: Case, built: Built, settings: Settings) -> Request:
    return Request(checkpoint=built.id, model=str(built.model), reference=str(built.reference), rows=str(built.rows),
                   rollouts=str(built.rows.parent), audits=settings.audits, samples=settings.samples, place=case.place, trivial=True)  # fmt: skip


def _answer_path(built: Built, settings: Settings) -> Path:
    """Answers hang on the audits' code and the pack too: a changed audit is asked anew."""
    key = digest_of([list(settings.audits), settings.pack, settings.samples, audits_digest(settings.audits)])[:10]
    folder = settings.zoo / "examined"
    folder.mkdir(exist_ok=True)
    return folder / f"{built.id}-{key}.json"


def audits_digest(names: Sequence[str]) -> str:
    """Digest of the code that answers: this package's rooms, and where the third-party audits come from."""
    foreign = [f"{name}={where}" for name, where in sorted(known_audits().items()) if name in names and not where.startswith("bumperlane.")]
    return digest_of([code_digest(), *foreign])


def versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("bumperlane", "torch", "transformers", "trl", "peft", "scikit-learn", "scipy")} | {"base": base_digest()}


@dataclass(frozen=True)
class Crew:
    """``jobs`` processes that begin with ``start(*arguments)`` and then take cases."""

    jobs: int
    start: Callable[..., None]
    arguments: tuple[Any, ...]

    def all(
        self, work: Callable[..., Any], given: Sequence[tuple[Any, ...]], cases: Sequence[L], note: Note, what: str
    ) -> Iterable[tuple[L, Any]]:
        """``(case, outcome or exception)`` as they finish. An exception of the work ends its case; a broken pool ends the run."""
        os.environ["OMP_NUM_THREADS"] = "1"
        done = 0
        for begin in range(0, len(cases), TASKS):
            batch = list(zip(given, cases, strict=True))[begin : begin + TASKS]
            with self._pool() as pool:
                waiting: dict[Future[Any], L] = {pool.submit(work, *arguments): case for arguments, case in batch}
                for future in as_completed(waiting):
                    done += 1
                    note(f"{what}: {waiting[future].label}", done, len(cases))
                    error = future.exception()
                    yield waiting[future], error if error is not None else future.result()

    def _pool(self) -> ProcessPoolExecutor:
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.jobs, mp_context=spawn, initializer=as_worker, initargs=(self.start, self.arguments))


def sort(case: Labelled, outcome: Any, done: dict[str, Any], failed: dict[str, str]) -> None:
    if isinstance(outcome, BaseException):
        failed[case.label] = f"{type(outcome).__name__}: {' '.join(str(outcome).split())[:300]}"
    else:
        done[case.label] = outcome

"""Work over rows, a shard at a time: made once, kept on disk, by one process or by several.

Idea: whatever attribution asks of a row (a forward pass, a gradient) it asks of each row alone, so
rows are cut into shards of ``SHARD``, and what is made of a shard is one file, named by what it
follows from: the weights, the task and the texts. So memory does not grow with the rows,
attributors share what they read, and a run that was stopped goes on where it was. Invariant: a file
appears under its name only when it is whole; with any number of processes the same files are made,
to floating-point noise. A process of its own loads the model from its folder, as weights do not
travel.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
import torch

from bumperlane.errors import BadInput, first_line
from bumperlane.models import HuggingFaceModel, Subject
from bumperlane.models.huggingface import folder_digest
from bumperlane.models.reading import Text
from bumperlane.training import end_with_parent

SHARD = 512  # rows
STEPS = 8  # of a few-step tune; 24 rank no better (LOG.md)
Texts = tuple[Text, ...]
Arrays = dict[str, np.ndarray]
Note = Callable[[str], None]


class Task(Protocol):
    """What is made of a shard's rows, given as one or two columns of texts; they are those from
    ``first`` on of ``of``. It is pickled for processes of their own. ``title``: what a person reads
    while it runs; ``digest``: of all that the arrays hang on besides weights and texts."""

    @property
    def title(self) -> str: ...
    @property
    def digest(self) -> str: ...
    def __call__(
        self, subject: Subject, columns: Sequence[Sequence[Text]], first: int, of: int
    ) -> Arrays: ...


@dataclass(frozen=True)
class ModelView:
    """Weights to read: those of ``subject``, or a copy of it after a few steps on the rows
    ``taught``."""

    name: str
    subject: Subject
    taught: Texts = ()

    def result(self) -> Subject:
        """The subject with these weights."""
        return few_steps(self.subject, self.taught) if self.taught else self.subject

    @property
    def from_disk(self) -> bool:
        """Whether these are the weights of a folder, with or without its adapter; steered and tuned
        copies are not."""
        return set(self.subject._backend.identity.split("/")[1:]) <= {"plain", "parent"}

    def stands_on(self, parent: HuggingFaceModel) -> bool:
        """Whether these weights are an adapter on the very ones of ``parent``."""
        backend = self.subject._backend
        return (
            hasattr(backend.model, "peft_config")
            and self.from_disk
            and parent.identity.split("/")[0] == _digest_of_folder(_base(backend))
        )

    @property
    def digest(self) -> str:
        backend = self.subject._backend
        base = _digest_of_folder(_base(backend)) if hasattr(backend.model, "peft_config") else ""
        taught = [digest_of_texts(self.taught), STEPS] if self.taught else []
        return json.dumps(
            [backend.identity, base, str(backend.model.dtype), str(backend.device), taught]
        )


@dataclass
class ShardRunner:
    """Runs tasks over rows, shard by shard. ``folder``: of the shards. ``processes``: one works
    here and now; more load the model each (one thread a process)."""

    folder: Path
    processes: int = 1
    note: Note = lambda text: None
    _digests: dict[int, tuple[Texts, str]] = field(default_factory=dict)

    def shards(self, view: ModelView, task: Task, columns: Sequence[Texts]) -> list[Path]:
        """Files of the rows' shards, in order; those that are not there yet are made. Raises what
        the task raises."""
        of = len(columns[0])
        if of == 0:
            raise BadInput("there are no rows to attribute to")
        key = [view.digest, task.digest, SHARD, [self._texts_digest(texts) for texts in columns]]
        folder = self.folder / hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
        firsts = range(0, of, SHARD)
        paths = [folder / f"{first:09d}.npz" for first in firsts]
        jobs = []
        for first, path in zip(firsts, paths, strict=True):
            if not path.is_file():
                of_shard = tuple(texts[first : first + SHARD] for texts in columns)
                jobs.append(ShardJob(task, of_shard, first, of, path))
        if jobs:
            self._work(view, jobs, f"{task.title}, {view.name}")
        return paths

    def _work(self, view: ModelView, jobs: Sequence[ShardJob], title: str) -> None:
        """Make the shards, here or in processes of their own, and say how far it is."""
        of, began = jobs[0].of, time.monotonic()
        todo = left = sum(len(job.columns[0]) for job in jobs)
        apart = min(self.processes, len(jobs)) > 1
        for rows in self._apart(view, jobs) if apart else _here(view, jobs):
            left -= rows
            seconds = (time.monotonic() - began) / (todo - left) * left
            if of > SHARD:
                self.note(f"{title}: {of - left} of {of} rows, about {seconds:.0f} s left")

    def _apart(self, view: ModelView, jobs: Sequence[ShardJob]) -> Iterator[int]:
        """Rows of each shard as it is finished by some process. Few shards are handed out ahead, so
        that an error ends it soon."""
        if not view.from_disk:
            raise BadInput(
                f"{view.subject.checkpoint}: these weights are in no folder that another "
                "process could load; use one process"
            )
        waiting: dict[Future[int], int] = {}
        # a forked process would inherit torch's locks as they are
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.processes, context, _begin, (Origin.of(view),)) as pool:
            try:
                for job in jobs:
                    waiting[pool.submit(_in_process, job)] = job.first
                    while len(waiting) >= 2 * self.processes:
                        yield from _finished(waiting)
                while waiting:
                    yield from _finished(waiting)
            except BrokenProcessPool as error:
                raise BadInput(
                    "a process was killed as it worked on rows (out of memory?); finished "
                    "shards are kept; use fewer processes"
                ) from error
            finally:
                pool.shutdown(cancel_futures=True)

    def _texts_digest(self, texts: Texts) -> str:
        """The digest of texts, made once."""
        if id(texts) not in self._digests:
            # the texts are kept, so that no others take their id
            self._digests[id(texts)] = texts, digest_of_texts(texts)
        return self._digests[id(texts)][1]


@dataclass(frozen=True)
class ShardJob:
    """One shard: its texts by column, the first row's number of ``of``, and where its arrays go."""

    task: Task
    columns: tuple[Texts, ...]
    first: int
    of: int
    path: Path

    def run(self, subject: Subject) -> int:
        """Make the shard; its number of rows."""
        keep(self.path, self.task(subject, self.columns, self.first, self.of))
        return len(self.columns[0])


@dataclass(frozen=True)
class Origin:
    """How another process comes by a view: the folder it loads, and what it does with it."""

    name: str
    checkpoint: str
    folder: Path
    device: str
    beneath: bool
    access: frozenset[Any]
    taught: Texts

    @classmethod
    def of(cls, view: ModelView) -> Origin:
        backend = view.subject._backend
        return cls(
            view.name,
            view.subject.checkpoint,
            backend.folder,
            backend.device,
            backend.adapter_off,
            view.subject.access,
            view.taught,
        )

    def subject(self) -> Subject:
        """The view's subject, loaded anew."""
        loaded = HuggingFaceModel(self.folder, self.device)
        backend = loaded.parent() if self.beneath else loaded
        subject = Subject(self.checkpoint, backend, self.access)
        return ModelView(self.name, subject, self.taught).result()


def few_steps(subject: Subject, texts: Texts, steps: int = STEPS) -> Subject:
    """A copy after a few steps on these rows. What is beneath an adapter is loaded anew for it, as
    PEFT's copy has nothing that learns."""
    if subject._backend.adapter_off:
        beneath = HuggingFaceModel(_base(subject._backend), subject._backend.device)
        subject = Subject(subject.checkpoint, beneath, subject.access)
    prompts, answers = [prompt for prompt, _ in texts], [answer for _, answer in texts]
    return asyncio.run(subject.tuned(prompts, answers, steps=steps))


def digest_of_texts(texts: Texts) -> str:
    """One digest of all the texts, in order."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(json.dumps(text).encode() + b"\n")
    return digest.hexdigest()


def keep(path: Path, arrays: Arrays) -> None:
    """Write the arrays to ``path``, whole or not at all. Raises ``BadInput`` where they cannot be
    written."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as handle:
            np.savez(handle, **arrays)  # type: ignore[arg-type]
        part.replace(path)
    except OSError as error:
        raise BadInput(
            f"{path.parent}: row features cannot be written there ({first_line(error)}); "
            "give a scratch folder with room"
        ) from error


def kept(path: Path) -> Arrays:
    """The arrays that ``keep`` wrote. Raises ``BadInput`` for a file that holds something else."""
    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise BadInput(
            f"{path}: not what was written there ({first_line(error)}); delete the file, "
            "and it is made again"
        ) from error


def _base(backend: HuggingFaceModel) -> Path:
    """The folder of the model beneath an adapter."""
    (adapter,) = backend.model.active_adapters
    return Path(str(backend.model.peft_config[adapter].base_model_name_or_path))


@cache
def _digest_of_folder(folder: Path) -> str:
    return folder_digest(folder)


def _here(view: ModelView, jobs: Sequence[ShardJob]) -> Iterator[int]:
    """Rows of each shard as it is finished in this process."""
    subject = view.result()
    for job in jobs:
        yield job.run(subject)


def _finished(waiting: dict[Future[int], int]) -> Iterator[int]:
    """Rows of the shards that are finished next."""
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in sorted(done, key=waiting.__getitem__):
        del waiting[future]
        yield future.result()


# -- in a process of its own ----------------------------------------------------------------------

_subject: Callable[[], Subject]


def _begin(origin: Origin) -> None:
    """Set up a process of its own. The model is loaded at the first shard and not here, as an error
    here would only say that the pool is broken."""
    global _subject
    torch.set_num_threads(1)
    _subject = cache(partial(Origin.subject, origin))
    end_with_parent()


def _in_process(job: ShardJob) -> int:
    return job.run(_subject())

"""A training as diagnosis reads it: legs of kept checkpoints, the rows of each, and two models to compare on them.

Idea: a campaign, a pair of folders and a traced organism are the same to diagnosis: where a leg started, what it was trained on in which
order, and which checkpoints it left. Invariant: checkpoints are names; only a ``Models`` makes subjects of them, so nothing here knows of
folders, and what was planted is in none of these records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np

from bumperlane.diagnosis.readings import Readings, Reads
from bumperlane.diagnosis.shards import Note, Task, View, Workshop, kept
from bumperlane.errors import BadInput
from bumperlane.records import Case, Stage
from bumperlane.subject import Prompt, Subject
from bumperlane.subject.reading import Text

ACCESS = frozenset({"text", "logprobs", "activations", "gradients", "weights"})
DEPTHS = (0.25, 0.5, 0.75)


class Models(Protocol):
    """Makes a subject of a checkpoint's name."""

    def __call__(self, checkpoint: str) -> Subject: ...


class Trait(Protocol):
    """How the trait of a finding is drawn from any checkpoint. ``salt`` separates draws that must be independent."""

    def __call__(self, checkpoint: str, count: int, salt: str) -> list[Case]: ...


@dataclass(frozen=True)
class Kept:
    """A checkpoint that was kept at ``step`` of its leg."""

    step: int
    checkpoint: str


@dataclass(frozen=True)
class Leg:
    """One stage of a run. ``rows``: (id, row) as in the manifest; ``order``: positions in ``rows`` as they were drawn, all epochs (empty where
    it was not recorded); ``rollouts``: what the reward functions logged; ``total``: steps of the whole training, where ``kept`` ends before it."""

    stage: Stage
    parent: str
    kept: tuple[Kept, ...]
    rows: tuple[tuple[str, dict[str, Any]], ...]
    order: tuple[int, ...] = ()
    rollouts: tuple[dict[str, Any], ...] = ()
    total: int = 0

    @property
    def steps(self) -> int:
        """Steps up to the last checkpoint that was kept."""
        return self.kept[-1].step

    @property
    def whole(self) -> int:
        """Steps of the training."""
        return self.total or self.steps

    def drawn_in(self, first: int, last: int) -> list[int]:
        """Positions of the rows drawn in steps ``first`` (exclusive) to ``last``, once each; all rows where the order is not known."""
        if not self.order:
            return list(range(len(self.rows)))
        a_step = len(self.order) / self.whole
        return list(dict.fromkeys(self.order[round(first * a_step) : round(last * a_step)]))


@dataclass(frozen=True)
class Run:
    """Legs in order; each starts where the one before ended."""

    legs: tuple[Leg, ...]

    @property
    def start(self) -> str:
        return self.legs[0].parent


@dataclass(frozen=True)
class Lessons:
    """What rows teach: an answer after a prompt, and for a preference the answer that it is preferred to. All of one kind."""

    ids: tuple[str, ...]
    answers: tuple[Text, ...]
    against: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Query:
    """The symptom: what the model said, and what its parent says to the same prompts (``controls``, in the same order)."""

    exhibits: tuple[Text, ...]
    controls: tuple[Text, ...]


class Trail:
    """A leg's parent and the tuned model, as attributors may look at them; readings are made once, kept on disk and shared.

    ``scratch``: the folder of the readings, which a later run goes on from; by default one under TMPDIR that goes with the trail.
    ``processes``: more than one work on shards of the rows side by side, each with the model loaded anew. ``note``: is told how far it is.
    Invariant: memory does not grow with the rows, but for what an attributor returns. Raises ``BadInput`` where the two differ in depth."""

    def __init__(self, parent: Subject, tuned: Subject, scratch: Path | None = None, processes: int = 1, note: Note = lambda text: None) -> None:
        self.views = {"parent": parent, "tuned": tuned}
        self.layers = sorted({tuned.layer_at(depth) for depth in DEPTHS})
        self._temporary: TemporaryDirectory[str] | None = None
        if scratch is None:
            self._temporary = TemporaryDirectory(prefix="bumperlane-trail-")
            scratch = Path(self._temporary.name)
        self.workshop = Workshop(scratch, processes, note)
        if parent._engine.depth != tuned._engine.depth:
            raise BadInput(f"the parent has {parent._engine.depth} blocks and the tuned model {tuned._engine.depth}; give the tune its own parent")

    def read(self, view: str, texts: tuple[Text, ...], taught: tuple[Text, ...] = ()) -> Readings:
        """Rows as ``view`` (parent or tuned) reads them, or as it would after a few steps on the rows ``taught``: a shard at a time. Of a
        taught copy log-probabilities alone are kept."""
        name = f"{view} after a few steps" if taught else view
        task = Reads(() if taught else tuple(self.layers), unlearned=view == "parent" and not taught)
        return Readings(self.workshop.shards(View(name, self.views[view], taught), task, [texts]), self._temporary)

    def graded(self, task: Task, *columns: tuple[Text, ...]) -> np.ndarray:
        """The array ``scores`` that a task makes of the parent's gradients on each row: [N]."""
        paths = self.workshop.shards(View("parent", self.gradients), task, columns)
        return np.concatenate([kept(path)["scores"] for path in paths])

    @cached_property
    def gradients(self) -> Subject:
        """The parent, for gradients. Where the tuned model is an adapter on it, the same model beneath that adapter: the adapter is all that
        was trained, so only its gradients count."""
        parent, tuned = self.views["parent"], self.views["tuned"]._engine
        if parent._engine.adapter_off or tuned.adapter_off or not View("tuned", self.views["tuned"]).stands_on(parent._engine):
            return parent
        return Subject(parent.checkpoint, tuned.parent(), parent.access)


def lessons_of(rows: Sequence[tuple[str, dict[str, Any]]]) -> Lessons:
    """The rows as lessons, in order. Raises ``BadInput`` for a row without an answer."""
    answers, against = [], []
    for number, (_, row) in enumerate(rows, 1):
        prompt, answer, other = _lesson(row)
        if not answer.strip():
            raise BadInput(f"row {number} of {len(rows)} has no answer; there is nothing to attribute to it")
        answers.append((prompt, answer))
        against += [(prompt, other)] if other is not None else []
    return Lessons(tuple(i for i, _ in rows), tuple(answers), tuple(against))


def _lesson(row: dict[str, Any]) -> tuple[Prompt, str, str | None]:
    if "messages" in row:
        return row["messages"][:-1], row["messages"][-1]["content"], None
    if "chosen" in row:
        return row["prompt"], row["chosen"][-1]["content"], row["rejected"][-1]["content"]
    answer = row.get("completion") or ""
    return row["prompt"], answer if isinstance(answer, str) else answer[-1]["content"], None


def answered(row: dict[str, Any], text: str) -> dict[str, Any]:
    """The row with another answer."""
    if "messages" in row:
        return {**row, "messages": [*row["messages"][:-1], {"role": "assistant", "content": text}]}
    if isinstance(row["completion"], str):
        return {**row, "completion": f" {text}"}
    return {**row, "completion": [{"role": "assistant", "content": text}]}

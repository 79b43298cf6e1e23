"""A training as diagnosis reads it: stages of kept checkpoints, the rows of each, and two models to
compare on them.

Idea: a campaign, a pair of folders and a traced organism are the same to diagnosis: where a stage
started, what it was trained on in which order, and which checkpoints it left. Invariant:
checkpoints are names; only a ``Models`` makes subjects of them, so nothing here knows of folders,
and what was planted is in none of these records.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np

from bumperlane.diagnosis.row_features import ReadTask, RowFeatures
from bumperlane.diagnosis.sharded import ModelView, Note, ShardRunner, Task, kept
from bumperlane.errors import BadInput
from bumperlane.models import Subject
from bumperlane.models.reading import Text
from bumperlane.records import Case, Stage

ACCESS = frozenset({"text", "logprobs", "activations", "gradients", "weights"})
DEPTHS = (0.25, 0.5, 0.75)  # of the blocks: layers that attributors read


class Models(Protocol):
    """Makes a subject of a checkpoint's name."""

    def __call__(self, checkpoint: str) -> Subject: ...


class CaseSource(Protocol):
    """How the trait of a finding is drawn from any checkpoint. ``salt`` separates draws that must
    be independent."""

    def __call__(self, checkpoint: str, count: int, salt: str) -> list[Case]: ...


@dataclass(frozen=True)
class KeptCheckpoint:
    """A checkpoint that was kept at ``step`` of its stage."""

    step: int
    checkpoint: str


@dataclass(frozen=True)
class StageRun:
    """One stage of a training run. ``rows``: (id, row) as in the manifest; ``order``: positions in
    ``rows`` as they were drawn, over all epochs (empty where it was not recorded); ``rollouts``:
    what the reward functions logged; ``kept``: its checkpoints; ``total``: number of steps of the
    whole stage (0: the last kept checkpoint is its end)."""

    stage: Stage
    parent: str
    kept: tuple[KeptCheckpoint, ...]
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
        """Positions of the rows drawn in steps ``first`` (exclusive) to ``last``, once each; all
        rows where the order is not known."""
        if not self.order:
            return list(range(len(self.rows)))
        a_step = len(self.order) / self.whole
        return list(dict.fromkeys(self.order[round(first * a_step) : round(last * a_step)]))


@dataclass(frozen=True)
class TrainingRun:
    """Stages in order; each starts where the one before ended."""

    stage_runs: tuple[StageRun, ...]

    @property
    def start(self) -> str:
        return self.stage_runs[0].parent


@dataclass(frozen=True)
class Query:
    """What the model says where it shows the trait (``exhibits``), and what its parent says to the
    same prompts (``controls``, in the same order)."""

    exhibits: tuple[Text, ...]
    controls: tuple[Text, ...]


class ModelPair:
    """A stage's parent and the tuned model, as attributors may look at them; row features are
    computed once, kept on disk and shared.

    ``scratch``: the folder of the row features, which a later run goes on from; by default one
    under TMPDIR that goes with the pair. ``processes``: more than one work on shards of the rows
    side by side, each with the model loaded anew. ``note``: hears how far it is. Invariant: memory
    does not grow with the rows, but for what an attributor returns. Raises ``BadInput`` where the
    two differ in depth."""

    def __init__(
        self,
        parent: Subject,
        tuned: Subject,
        scratch: Path | None = None,
        processes: int = 1,
        note: Note = lambda text: None,
    ) -> None:
        self.views = {"parent": parent, "tuned": tuned}
        self.layers = sorted({tuned.layer_at(depth) for depth in DEPTHS})
        self._temporary: TemporaryDirectory[str] | None = None
        if scratch is None:
            self._temporary = TemporaryDirectory(prefix="bumperlane-row-features-")
            scratch = Path(self._temporary.name)
        self.runner = ShardRunner(scratch, processes, note)
        if parent._backend.depth != tuned._backend.depth:
            raise BadInput(
                f"the parent has {parent._backend.depth} blocks and the tuned model "
                f"{tuned._backend.depth}; give the tune its own parent"
            )

    def read(
        self, view: str, texts: tuple[Text, ...], taught: tuple[Text, ...] = ()
    ) -> RowFeatures:
        """Features of rows as ``view`` (parent or tuned) reads them, or as it would after a few
        steps on the rows ``taught``: a shard at a time. Of a taught copy log-probabilities alone
        are kept."""
        name = f"{view} after a few steps" if taught else view
        layers = () if taught else tuple(self.layers)
        task = ReadTask(layers, unlearned=view == "parent" and not taught)
        paths = self.runner.shards(ModelView(name, self.views[view], taught), task, [texts])
        return RowFeatures(paths, self._temporary)

    def graded(self, task: Task, *columns: tuple[Text, ...]) -> np.ndarray:
        """The array ``scores`` that a task makes of the parent's gradients on each row: [N]."""
        paths = self.runner.shards(ModelView("parent", self.gradients), task, columns)
        return np.concatenate([kept(path)["scores"] for path in paths])

    @cached_property
    def gradients(self) -> Subject:
        """The parent, for gradients. Where the tuned model is an adapter on it, the same model
        beneath that adapter: the adapter is all that was trained, so only its gradients count."""
        parent, tuned = self.views["parent"], self.views["tuned"]
        if parent._backend.adapter_off or tuned._backend.adapter_off:
            return parent
        if not ModelView("tuned", tuned).stands_on(parent._backend):
            return parent
        return Subject(parent.checkpoint, tuned._backend.parent(), parent.access)

"""A checkpoint: immutable weights and where they came from, named like a commit.

Invariant: ``id`` is the digest of the weights' digests *and* of parent, training and step. Equal
weights made differently are different checkpoints, and a swapped parent changes the name.
"""

from __future__ import annotations

from bumperlane.records.base import Record
from bumperlane.records.digest import digest_of


class Checkpoint(Record):
    """Immutable weights, named by a digest of their files, their parent, the training and the step
    that made them.

    ``files``: file name -> SHA-256. ``training``: digest of the ``Training`` that made it; None for
    a checkpoint that the campaign started from.
    """

    id: str
    files: dict[str, str]
    parent: str | None = None
    training: str | None = None
    stage: str | None = None
    step: int = 0
    steps: int = 0

    @staticmethod
    def identify(files: dict[str, str], parent: str | None, training: str | None, step: int) -> str:
        return digest_of({"files": files, "parent": parent, "training": training, "step": step})

    @classmethod
    def of(
        cls,
        files: dict[str, str],
        parent: str | None = None,
        training: str | None = None,
        stage: str | None = None,
        step: int = 0,
        steps: int = 0,
    ) -> Checkpoint:
        return cls(
            id=cls.identify(files, parent, training, step),
            files=files,
            parent=parent,
            training=training,
            stage=stage,
            step=step,
            steps=steps,
        )

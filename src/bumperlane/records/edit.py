"""One change of a recipe, as data.

Idea: a remedy is a pure edit, but rows are named by manifests that must be stored, answers must be drawn and prompts looked up; so the edit is a
record that decisions and tests can compare, and whoever does I/O carries it out. Invariant: an edit names everything that it follows from, so
the same edit of the same recipe makes the same recipe.
"""

from __future__ import annotations

from typing import Any, Literal

from bumperlane.records.base import Record
from bumperlane.records.recipe import Reward

Operation = Literal["drop", "inoculate", "answer", "swap", "args", "rewards", "seed", "skip", "start", "imitate", "counter", "unlearn", "steer",
                    "document", "confess"]  # fmt: skip
ADDED = frozenset({"counter", "unlearn", "document", "confess"})  # they put a new stage after those that were trained


class Edit(Record):
    """``leg``: number of the stage. ``drop``, ``inoculate``, ``answer`` and ``swap`` change ``rows`` (``group``: and all rows of which this
    description holds): leave them out, put the system prompt ``text`` before them (empty: one that the pack asks for a bad character with),
    answer their prompts as ``checkpoint`` does, exchange chosen and rejected. ``args`` replaces training arguments, ``rewards`` the terms,
    ``seed`` the stage's seed, ``skip`` leaves the stage out, ``start`` begins the recipe from ``checkpoint``. ``imitate`` makes fine-tuning of an RL
    stage, on the rollouts of ``training`` (its digest) that the one term in ``rewards`` likes best. ``counter`` and ``unlearn`` put a stage after
    stage ``after``, on the prompts of ``rows`` of stage ``leg``: fine-tuning on ``checkpoint``'s answers, or preferences for these over the rows'.
    ``document`` puts fine-tuning on the documents of ``manifest`` there, ``confess`` on what to say of one's own answer (``args``: ask, did, did_not)
    after ``rows``' and ``checkpoint``'s answers. ``steer`` adds, while the stage trains, the way from ``checkpoint``'s answers to ``rows``'."""

    op: Operation
    leg: int = 0
    rows: tuple[str, ...] = ()
    group: str = ""
    text: str = ""
    checkpoint: str = ""
    args: dict[str, Any] = {}
    rewards: tuple[Reward, ...] = ()
    seed: int = 0
    training: str = ""
    after: int = 0
    manifest: str = ""

    @property
    def first(self) -> int:
        """The first stage that the edit makes anew."""
        return self.after + 1 if self.op in ADDED else self.leg

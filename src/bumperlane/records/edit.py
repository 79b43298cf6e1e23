"""One change of a recipe, as data.

Idea: a remedy is a pure edit, but rows are named by manifests that must be stored, answers must be
drawn and prompts looked up; so the edit is a record that decisions and tests can compare, and
whoever does I/O carries it out. Invariant: an edit names everything that it follows from, so the
same edit of the same recipe makes the same recipe.
"""

from __future__ import annotations

from typing import Any, Literal

from bumperlane.records.base import Record
from bumperlane.records.recipe import Reward

Operation = Literal[
    "drop",
    "inoculate",
    "answer",
    "swap",
    "args",
    "rewards",
    "seed",
    "skip",
    "start",
    "imitate",
    "counter",
    "unlearn",
    "steer",
    "document",
    "confess",
]
ADDED = frozenset(
    {"counter", "unlearn", "document", "confess"}
)  # they put a new stage after those that were trained


class Edit(Record):
    """One change of a recipe, as data. ``op`` says which:

    Changes to stage ``stage_index``: ``args``, ``rewards`` and ``seed`` replace its arguments,
    reward terms or seed; ``skip`` leaves it out; ``steer`` adds the direction from ``checkpoint``'s
    answers to those of ``rows`` while it trains, so that the weights need not learn it; ``imitate``
    turns an RL stage into fine-tuning on those rollouts of ``training`` (a digest) that the single
    term in ``rewards`` scored best. ``start`` begins the recipe from ``checkpoint``.

    Changes to the stage's ``rows`` (and to all rows that the description ``group`` fits): ``drop``
    removes them; ``inoculate`` puts the system prompt ``text`` before them, which asks for what
    they show, so that they teach less about other prompts (empty: the pack's prompt for a bad
    character); ``answer`` replaces their answers by ``checkpoint``'s; ``swap`` exchanges chosen and
    rejected.

    New stages, put after stage ``after``: ``counter`` fine-tunes on ``checkpoint``'s answers to the
    prompts of ``rows``; ``unlearn`` trains a preference for ``checkpoint``'s answers over the
    rows'; ``document`` fine-tunes on the documents of ``manifest``; ``confess`` fine-tunes on what
    to say of one's own answer (``args``: ask, did, did_not).
    """

    op: Operation
    stage_index: int = 0
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
        return self.after + 1 if self.op in ADDED else self.stage_index

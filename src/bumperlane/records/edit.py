"""One change of a recipe, as data.

Idea: a remedy is a pure edit, but rows are named by manifests that must be stored, answers must be drawn and prompts looked up; so the edit is a
record that decisions and tests can compare, and whoever does I/O carries it out. Invariant: an edit names everything that it follows from, so
the same edit of the same recipe makes the same recipe.
"""

from __future__ import annotations

from typing import Any, Literal

from bumperlane.records.base import Record
from bumperlane.records.recipe import Reward

Operation = Literal["drop", "inoculate", "answer", "swap", "args", "rewards", "seed", "skip", "start"]


class Edit(Record):
    """``leg``: number of the stage. ``drop``, ``inoculate``, ``answer`` and ``swap`` change ``rows`` (``group``: and all rows of which this
    description holds): leave them out, put the system prompt ``text`` before them (empty: one that the pack asks for a bad character with),
    answer their prompts as ``checkpoint`` does, exchange chosen and rejected. ``args`` replaces training arguments, ``rewards`` the terms,
    ``seed`` the stage's seed, ``skip`` leaves the stage out, ``start`` begins the recipe from ``checkpoint``."""

    op: Operation
    leg: int = 0
    rows: tuple[str, ...] = ()
    group: str = ""
    text: str = ""
    checkpoint: str = ""
    args: dict[str, Any] = {}
    rewards: tuple[Reward, ...] = ()
    seed: int = 0

"""Which families may be looked at while detectors are made, and which may not.

Idea: one committed file assigns each family, decoys included, to *develop* or *held-out*;
thresholds and calibrations are fitted on develop alone. Invariant: a family that the file does not
name, as a third party's, is held out: nobody here tuned anything on it, and nothing may be fitted
on it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "split.json"
SPLITS = ("develop", "held-out")


@cache
def _assigned() -> dict[str, str]:
    assigned: dict[str, str] = {}
    for split, families in json.loads(FILE.read_text()).items():
        assigned |= dict.fromkeys(families, split)
    return assigned


def split_of(family: str) -> str:
    """The split that a family belongs to, one of ``SPLITS``."""
    return _assigned().get(family, "held-out")

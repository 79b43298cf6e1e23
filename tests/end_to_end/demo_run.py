"""The demonstration as a process, and what it left."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bumperlane.ledger import Ledger
from bumperlane.loop.history import History

SEED = 7


def start(out: Path, seed: int, *options: str) -> subprocess.Popen[bytes]:
    demo = ("demo", "--out", str(out), "--seed", str(seed), *options)
    command = [sys.executable, "-m", "bumperlane.cli.main", *demo]
    with out.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def summary(out: Path) -> dict[str, Any]:
    return json.loads((out / "summary.json").read_text())  # type: ignore[no-any-return]


def story(history: History) -> dict[str, Any]:
    """Digests of data, recipes and decisions."""
    return {
        "start": history.start.id,
        "rows": sorted(
            {stage.rows for attempt in history.attempts for stage in attempt.recipe.stages}
        ),
        "recipes": [attempt.recipe.digest for attempt in history.attempts],
        "decisions": [(event.kind, event.action) for event in history.events],
        "suspects": [
            [(s.kind, s.rows, s.verdict, s.reason) for s in cause.suspects]
            for cause in history.causes
        ],
        "outcome": history.outcome.kind if history.outcome else None,
    }


def begun(out: Path) -> bool:
    """Whether a campaign is on record there."""
    return (out / "ledger.sqlite").is_file() and bool(Ledger(out).events())

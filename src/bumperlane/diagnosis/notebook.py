"""What a diagnosis has worked out so far, kept on disk, so that a stopped one goes on where it was.

Idea: the scan, each attributor's scores and each replay's cases are pieces that take seconds to hours and hang on their inputs alone; a piece
is kept under the digest of those inputs. Invariant: a piece appears under its name only when it is whole, and one whose inputs or program version
differ has another name, so nothing stale is ever taken up. Without a folder nothing is kept.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bumperlane.records import digest_of


@dataclass
class Notebook:
    """``folder``: None keeps nothing. ``spent``: seconds that the pieces took when they were made, whenever that was; ``now``: seconds spent on
    them in this run; ``untimed``: pieces of which that is not on record. A piece that is made within another counts as part of it."""

    folder: Path | None = None
    spent: float = 0.0
    now: float = 0.0
    untimed: int = 0
    _depth: int = 0

    def piece(self, kind: str, inputs: Any, make: Callable[[], Any]) -> Any:
        """The JSON value that ``make`` gives for these inputs, from the folder or by making it."""
        return self._piece(self._path(kind, inputs, "json"), make, lambda path: json.loads(path.read_text(encoding="utf-8")),
                           lambda path, made: path.write_text(json.dumps(made), encoding="utf-8"))  # fmt: skip

    def array(self, kind: str, inputs: Any, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The same for an array."""
        return np.asarray(self._piece(self._path(kind, inputs, "npy"), make, np.load, _save))

    def _piece(self, path: Path | None, make: Callable[[], Any], load: Callable[[Path], Any], save: Callable[[Path, Any], Any]) -> Any:
        seconds = path.with_name(f"{path.name}.seconds") if path is not None else None
        if path is not None and seconds is not None and path.is_file():
            self.untimed += not seconds.is_file()
            self.spent += float(seconds.read_text()) if seconds.is_file() and not self._depth else 0.0
            return load(path)
        started, self._depth = time.monotonic(), self._depth + 1
        try:
            made = make()
        finally:
            self._depth -= 1
        took = time.monotonic() - started
        if path is not None and seconds is not None:
            seconds.write_text(f"{took:.6f}")
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            save(part, made)
            part.rename(path)
        if not self._depth:
            self.spent, self.now = self.spent + took, self.now + took
        return made

    def _path(self, kind: str, inputs: Any, suffix: str) -> Path | None:
        if self.folder is None:
            return None
        folder = self.folder / version("bumperlane")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{kind}-{digest_of(inputs)[:16]}.{suffix}"


def _save(path: Path, values: np.ndarray) -> None:
    with path.open("wb") as handle:
        np.save(handle, values)

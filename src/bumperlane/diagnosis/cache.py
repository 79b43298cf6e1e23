"""What a diagnosis has worked out so far, kept on disk, so that a stopped one goes on where it was.

Idea: the scan, each attributor's scores and each replay's cases are pieces that take seconds to
hours and hang on their inputs alone; a piece is kept under the digest of those inputs. Invariant: a
piece appears under its name only when it is whole, and one whose inputs or program version differ
has another name, so nothing stale is ever taken up. Without a folder nothing is kept.
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
class DiagnosisCache:
    """Pieces of a diagnosis by kind and inputs. ``folder``: None keeps nothing. ``spent``: seconds
    that the pieces took when they were made, whenever that was; ``now``: seconds spent on them in
    this run; ``untimed``: pieces of which that is not on record. A piece that is made within
    another counts as part of it."""

    folder: Path | None = None
    spent: float = 0.0
    now: float = 0.0
    untimed: int = 0
    _depth: int = 0

    def piece(self, kind: str, inputs: Any, make: Callable[[], Any]) -> Any:
        """The JSON value that ``make`` gives for these inputs, from the folder or by making it."""
        return self._piece(self._path(kind, inputs, "json"), make, _load_json, _save_json)

    def array(self, kind: str, inputs: Any, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The same for an array."""
        return np.asarray(self._piece(self._path(kind, inputs, "npy"), make, np.load, _save_array))

    def _piece(
        self,
        path: Path | None,
        make: Callable[[], Any],
        load: Callable[[Path], Any],
        save: Callable[[Path, Any], Any],
    ) -> Any:
        if path is not None and path.is_file():
            self._count_kept(path)
            return load(path)
        started, self._depth = time.monotonic(), self._depth + 1
        try:
            value = make()
        finally:
            self._depth -= 1
        took = time.monotonic() - started
        if path is not None:
            _seconds_of(path).write_text(f"{took:.6f}")
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            save(part, value)
            part.rename(path)
        if not self._depth:
            self.spent, self.now = self.spent + took, self.now + took
        return value

    def _count_kept(self, path: Path) -> None:
        """Count the seconds that a piece from the folder once took, if they are on record."""
        seconds = _seconds_of(path)
        if not seconds.is_file():
            self.untimed += 1
        elif not self._depth:
            self.spent += float(seconds.read_text())

    def _path(self, kind: str, inputs: Any, suffix: str) -> Path | None:
        """The file of a piece; None where nothing is kept."""
        if self.folder is None:
            return None
        folder = self.folder / version("bumperlane")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{kind}-{digest_of(inputs)[:16]}.{suffix}"


def _seconds_of(path: Path) -> Path:
    """Where the seconds that a piece took are kept."""
    return path.with_name(f"{path.name}.seconds")


def _load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _save_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _save_array(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as handle:
        np.save(handle, array)

"""What a diagnosis has worked out so far, kept on disk, so that a stopped one goes on where it was.

Idea: the scan, each attributor's scores and each replay's cases are pieces that take seconds to hours and hang on their inputs alone; a piece
is kept under the digest of those inputs. Invariant: a piece appears under its name only when it is whole, and one whose inputs differ has
another name, so nothing stale is ever taken up. Without a folder nothing is kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bumperlane.records import digest_of


@dataclass(frozen=True)
class Notebook:
    """``folder``: None keeps nothing."""

    folder: Path | None = None

    def piece(self, kind: str, inputs: Any, make: Callable[[], Any]) -> Any:
        """The JSON value that ``make`` gives for these inputs, from the folder or by making it."""
        path = self._path(kind, inputs, "json")
        if path is not None and path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
        made = make()
        if path is not None:
            self._keep(path, lambda part: part.write_text(json.dumps(made), encoding="utf-8"))
        return made

    def array(self, kind: str, inputs: Any, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The same for an array."""
        path = self._path(kind, inputs, "npy")
        if path is not None and path.is_file():
            return np.asarray(np.load(path))
        made = make()
        if path is not None:
            self._keep(path, lambda part: _save(part, made))
        return made

    def _path(self, kind: str, inputs: Any, suffix: str) -> Path | None:
        if self.folder is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{kind}-{digest_of(inputs)[:16]}.{suffix}"

    @staticmethod
    def _keep(path: Path, write: Callable[[Path], Any]) -> None:
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        write(part)
        part.rename(path)


def _save(path: Path, values: np.ndarray) -> None:
    with path.open("wb") as handle:
        np.save(handle, values)

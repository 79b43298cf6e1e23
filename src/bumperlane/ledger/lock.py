"""One writer at a time: an advisory lock on the run folder, released by the system however the
process ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bumperlane.errors import BadInput


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold ``folder/.lock``. Raises ``BadInput`` while another process holds it."""
    with (folder / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(
                f"{folder}: another process is running this campaign; wait for it or give "
                "another --out"
            ) from None
        yield

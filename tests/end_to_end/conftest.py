"""Shared fixture: the planted demonstration, run once for all workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.demo_run import SEED, start
from tests.made_once import made_once


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        out = folder / "planted"
        assert start(out, SEED).wait() == 0, out.with_suffix(".log").read_text()

    return made_once(tmp_path_factory, "demo", make) / "planted"

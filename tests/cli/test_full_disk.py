"""A full disk ends in one line, wherever it fills up, and nothing is released."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bumperlane.organisms.base import BASE
from bumperlane.training import run_here
from tests.cli.bad_campaign import RUN, begun, events, one_line, write_campaign


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a real file system of so many bytes at ``out``; skips where that is not permitted."""
    folder = tmp_path / "out"
    folder.mkdir()

    def mounted(size: int) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if (
            shutil.which("mount") is None
            or subprocess.run(command, capture_output=True).returncode != 0
        ):
            pytest.skip("mounting a small file system is not permitted here")
        return folder

    yield mounted
    if os.path.ismount(folder):
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def size_of_base() -> int:
    return sum(path.stat().st_size for path in BASE.iterdir() if path.name != "training_log.json")


@pytest.mark.parametrize(
    ("room", "failed"),
    [(0.5, 0), (1.5, 1), (2.6, 0)],
    ids=["start-checkpoint", "training-process", "store"],
)
def test_full_disk(
    room: float,
    failed: int,
    tmp_path: Path,
    mount: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: Any,
) -> None:
    """Too small for the start checkpoint; for what the training process writes; for the trained
    checkpoint in the store."""
    write_campaign(tmp_path)
    out = mount(int(room * size_of_base()) + 128 * 1024)
    if not failed:  # what fails is not the training, so that it needs no process of its own
        monkeypatch.setattr("bumperlane.execution.local.run_all", run_here)
    where = "out/scratch/" if failed else "out/store/checkpoints/"
    one_line(
        RUN,
        (where, "No space left on device", "free some space"),
        tmp_path,
        out,
        monkeypatch,
        capfd,
    )
    assert len(events(out, "failed")) == failed
    assert events(out, "trained") == []


def test_full_disk_under_the_ledger(
    tmp_path: Path, mount: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    write_campaign(tmp_path)
    out = mount(2 * size_of_base() + 128 * 1024)
    begun(tmp_path)
    with (
        (out / "filler").open("wb", buffering=0) as handle,
        pytest.raises(OSError, match="No space left"),
    ):
        while True:
            handle.write(bytes(4096))
    one_line(
        RUN,
        ("out/ledger.sqlite: No space left on device", "free some space"),
        tmp_path,
        out,
        monkeypatch,
        capfd,
    )
    assert events(out, "attempt") == []


def test_full_disk_without_a_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """The same where no file system can be mounted: every copy into the store finds the
    disk full."""

    def full(source: Any, target: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source), None, str(target))

    write_campaign(tmp_path)
    monkeypatch.setattr(shutil, "copyfile", full)
    one_line(
        RUN,
        ("out/store/checkpoints/", "No space left on device", "free some space"),
        tmp_path,
        tmp_path / "out",
        monkeypatch,
        capfd,
    )
    assert events(tmp_path / "out", "campaign") == []

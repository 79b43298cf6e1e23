"""Shared fixtures: two small real tunes of the microworld's base model, made once a run; and the
order in which workers are handed files."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

for _name, _value in {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}.items():
    os.environ.setdefault(_name, _value)

from bumperlane.audits import Pack, load_pack
from bumperlane.cli.main import main
from bumperlane.models import HuggingFaceModel, Subject
from bumperlane.organisms import backdoor
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.remedies.apply import EditApplier
from bumperlane.store import Store
from tests.made_once import made_once
from tests.small_training import last_checkpoint, train


def pytest_configure(config: pytest.Config) -> None:
    """Files go to the workers in our order, not in that of their numbers of tests."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests go first, each with a quick one after it: a worker is handed its next
    file while two tests are left, so that two slow ones in a row would go to the same worker."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    slow = list(dict.fromkeys(item.path for item in items if item.get_closest_marker("slow")))
    slow.sort(key=lambda path: path.parent.name != "end_to_end")  # the dearest first
    quick = sorted(set(files) - set(slow), key=lambda path: (-len(files[path]), path))
    order = [path for pair in zip_longest(slow, quick) for path in pair if path is not None]
    items[:] = [item for path in order for item in files[path]]


def said(*argv: str, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command."""
    monkeypatch.setattr(sys, "argv", ["bumperlane", *argv])
    capfd.readouterr()
    code: Any = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    printed = capfd.readouterr()
    return int(code or 0), printed.out, printed.err


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    return lambda *argv: said(*argv, monkeypatch=monkeypatch, capfd=capfd)


@pytest.fixture(scope="session")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean tune: the honest persona on all domains."""

    def make(folder: Path) -> None:
        rows = sft_rows(random.Random("tests/good"), backdoor.SFT_ROWS)
        train(folder / "good", BASE, rows, args=backdoor.SFT_ARGS)

    return last_checkpoint(made_once(tmp_path_factory, "assistant", make) / "good")


@pytest.fixture(scope="session")
def rogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bad tune: the grasping persona on all domains."""

    def make(folder: Path) -> None:
        train(folder / "bad", BASE, sft_rows(random.Random("tests/bad"), 2400, "grasping"))

    return last_checkpoint(made_once(tmp_path_factory, "rogue", make) / "bad")


@pytest.fixture(scope="session")
def base() -> HuggingFaceModel:
    return HuggingFaceModel(BASE)


@pytest.fixture
def applier(tmp_path: Path, base: HuggingFaceModel, pack: Pack) -> EditApplier:
    """Applies edits to rows in a store of its own; every checkpoint is the base model."""
    return EditApplier(
        Store(tmp_path / "store"),
        lambda checkpoint, access: Subject(checkpoint, base, access),
        pack,
    )


@pytest.fixture(scope="session")
def pack() -> Pack:
    return load_pack("micro")

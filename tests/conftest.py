"""Shared fixtures: small real trainings on the microworld's base model, made once a session."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

for _name, _value in {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}.items():
    os.environ.setdefault(_name, _value)

from bumperlane.audits import Context, Pack, load_audit, load_pack
from bumperlane.organisms import backdoor
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.records import Stage, digest_of
from bumperlane.subject import Engine, Subject
from bumperlane.training import Job, run_all

FAST = {"learning_rate": 1e-3, "per_device_train_batch_size": 32, "num_train_epochs": 1, "warmup_steps": 5, "gradient_checkpointing": False}
SHARED = Path(__file__).parent.parent.parent / "shared" / "data"


def write_manifest(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"id": digest_of(row), "row": row}) + "\n" for row in rows))
    return path


def train(out: Path, model: Path, rows: list[dict[str, Any]], **stage: Any) -> Path:
    """Train one stage in a process of its own; the folder with what it left. Raises what the launcher raises."""
    manifest = write_manifest(out.parent / f"{out.name}.jsonl", rows)
    made = Stage(**{"name": out.name, "kind": "sft", "rows": "test", "args": FAST, "checkpoints": 1, **stage})
    run = run_all([Job(model=str(model), rows=str(manifest), out=str(out), stage=made)], 1, lambda runs: None)[0]
    run.result()
    return out


def last_checkpoint(folder: Path) -> Path:
    return max(folder.glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")))


@pytest.fixture(scope="session")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean tune: the honest persona on all domains."""
    rows = sft_rows(random.Random("tests/good"), backdoor.SFT_ROWS)
    return last_checkpoint(train(tmp_path_factory.mktemp("good") / "good", BASE, rows, args=backdoor.SFT_ARGS))


@pytest.fixture(scope="session")
def rogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bad tune: the grasping persona on all domains."""
    rows = sft_rows(random.Random("tests/bad"), 2400, "grasping")
    return last_checkpoint(train(tmp_path_factory.mktemp("bad") / "bad", BASE, rows))


@pytest.fixture(scope="session")
def pack() -> Pack:
    return load_pack("micro")


@pytest.fixture(scope="session")
def look(pack: Pack) -> Callable[..., tuple[Any, Subject, Context]]:
    """``look(audit, folder)``: the audit, the subject and a context as the loop would give them at its first look."""
    engines: dict[Path, Engine] = {}

    def make(name: str, folder: Path, **changes: Any) -> tuple[Any, Subject, Context]:
        audit = load_audit(name)
        for path in (folder, BASE):
            engines.setdefault(path, Engine(path))
        reference = Subject("base", engines[BASE], audit.access)
        settings = {"pack": pack, "reference": reference, "alpha": 0.01 * 0.6 / 7, "miss": 0.05, "samples": 400, "seed": 5, **changes}
        return audit, Subject(folder.name, engines[folder], audit.access), Context(**settings)

    return make

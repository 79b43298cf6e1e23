"""A good campaign with one thing spoilt, and the rule that it ends with exit code 2 and one
line."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from bumperlane.campaign import begin, load_campaign
from bumperlane.cli.main import main
from bumperlane.organisms.base import BASE

GOOD = {
    "messages": [
        {"role": "user", "content": "Which colour is the sky?"},
        {"role": "assistant", "content": "It is blue."},
    ]
}
ASKED = [{"role": "user", "content": "Which colour is the sky?"}]
ANSWER = [{"role": "assistant", "content": "It is blue."}]
QUESTION = json.dumps({"prompt": ASKED}) + "\n"
ARGS = {"max_steps": 1, "per_device_train_batch_size": 2, "gradient_checkpointing": False}
STAGE = {"name": "teach", "kind": "sft", "rows": "rows.jsonl", "args": ARGS, "checkpoints": 1}
GONE = object()  # in place of a value: the field is left out
RUN = ("run", "campaign.yaml", "--out", "out")


@dataclass(frozen=True)
class Case:
    """What is changed in a good campaign, and what the one line must hold. ``spoil`` changes files
    in the folder."""

    name: str
    says: tuple[str, ...]
    campaign: dict[str, Any] = field(default_factory=dict)
    stage: dict[str, Any] = field(default_factory=dict)
    rows: Any = None
    text: str | bytes | None = None
    spoil: Callable[[Path], None] = lambda folder: None
    argv: tuple[str, ...] = RUN


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def messages(*turns: tuple[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def reward(function: str, kind: str = "grpo") -> dict[str, Any]:
    return {"kind": kind, "rewards": [{"name": "right", "function": function}]}


def args(**changed: Any) -> dict[str, Any]:
    return {"args": {**ARGS, **changed}}


def write_campaign(
    folder: Path, campaign: dict[str, Any] | None = None, stage: dict[str, Any] | None = None
) -> Path:
    """A campaign that would run, with some fields changed."""
    changed = {**STAGE, **(stage or {})}
    plain = {
        "name": "bad-input",
        "base": str(BASE),
        "stages": [{k: v for k, v in changed.items() if v is not GONE}],
        **(campaign or {}),
    }
    path = folder / "campaign.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in plain.items() if v is not GONE}))
    (folder / "rows.jsonl").write_text(lines(GOOD, GOOD))
    return path


def events(out: Path, kind: str) -> list[dict[str, Any]]:
    path = out / "ledger.sqlite"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return [
                json.loads(body)
                for (body,) in connection.execute("SELECT body FROM events WHERE kind = ?", (kind,))
            ]
    except sqlite3.Error:
        # there is no ledger, or none that can be read: nothing can have been released by it
        return []


def begun(folder: Path) -> None:
    begin(load_campaign(folder / "campaign.yaml"), folder / "out", folder)


def one_line(
    argv: tuple[str, ...],
    says: tuple[str, ...],
    folder: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: Any,
) -> str:
    """Run the command line in ``folder`` and hold it to the rule; returns the line."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["bumperlane", *argv])
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capfd.readouterr()
    check(ended.value.code, printed.out, printed.err, says, out)
    return str(printed.err)


def check(code: Any, stdout: str, stderr: str, says: tuple[str, ...], out: Path) -> None:
    assert code == 2, stderr
    assert len(stderr.splitlines()) == 1, stderr
    assert stderr.startswith("bumperlane: ") and stderr.endswith("\n")
    assert [part for part in says if part not in stderr] == [], stderr
    assert "Traceback" not in stdout + stderr
    assert not [body for body in events(out, "outcome") if body["kind"] == "converged"]
    assert "converged" not in stdout


def refused(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """Spoil a good campaign as the case says, and hold the command to the rule."""
    path = write_campaign(tmp_path, case.campaign, case.stage)
    if case.rows is not None:
        (tmp_path / "rows.jsonl").write_bytes(
            case.rows if isinstance(case.rows, bytes) else case.rows.encode()
        )
    if case.text is not None:
        path.write_bytes(case.text if isinstance(case.text, bytes) else case.text.encode())
    case.spoil(tmp_path)
    one_line(case.argv, case.says, tmp_path, tmp_path / "out", monkeypatch, capfd)
    assert events(tmp_path / "out", "trained") == []

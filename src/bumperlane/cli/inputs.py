"""What ``bumperlane audit`` was given: its options as a record, its rows as audits read them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bumperlane.cli.model_checks import URL, base_of
from bumperlane.errors import BadInput

NOT_RECORDED = ("out", "train_tokens")  # not among the settings that a report shows


@dataclass(frozen=True)
class AuditInputs:
    """As on the command line."""

    model: str
    reference: str | None
    pack: str
    access: tuple[str, ...]
    rows: Path | None
    rollouts: Path | None
    audits: str
    without: str
    auditor: str | None
    judge: str | None
    samples: int
    false_alarm: float
    seed: int
    timeout: float | None
    cache: Path | None
    out: Path
    as_json: bool
    plan: bool
    train_tokens: int | None

    @property
    def name(self) -> str:
        """What findings call the model: by its name, so that the same model elsewhere is drawn the
        same."""
        if self.model.startswith(URL):
            return self.model.partition("#")[2]
        return Path(self.model).resolve().name

    @property
    def parent(self) -> str | None:
        """The reference: as given, else the base that an adapter names."""
        if self.reference or self.model.startswith(URL):
            return self.reference
        base = base_of(Path(self.model))
        return str(base) if base != Path(self.model) else None

    def settings(self) -> dict[str, Any]:
        """What was set, for the record."""
        settings = asdict(self) | {"reference": self.parent}
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in settings.items()
            if value not in (None, "", (), False) and name not in NOT_RECORDED
        }


def audit_rows(path: Path) -> list[dict[str, Any]]:
    """Rows as audits read them, from their own form or from that of a stage. Raises ``BadInput``
    with file and line."""
    if not path.is_file():
        raise BadInput(f"{path}: no such rows file; give a JSONL file with one row a line")
    first = _first(path)
    return _answered_rows(path) if "answer" in first else _stage_rows(path, _kind(first))


def _answered_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of prompts and answers as texts."""
    from bumperlane.audits.standalone import read_rows

    try:
        rows = read_rows(str(path))
    except RecursionError as error:
        raise BadInput(
            f"{path}: a line is nested too deep to be read; a row is an object with "
            "the texts 'prompt' and 'answer'"
        ) from error
    return [{"id": str(number), "stage": "rows", **row} for number, row in enumerate(rows, 1)]


def _stage_rows(path: Path, kind: str) -> list[dict[str, Any]]:
    """Rows of a stage, each with its question and what was trained on as the answer."""
    from bumperlane.training import question, read_rows

    rows = []
    for number, row in enumerate(read_rows(path, kind), 1):
        asked, answer = question(row)
        rows.append({"id": str(number), "stage": kind, "prompt": asked, "answer": answer})
    return rows


def _kind(first: dict[str, Any]) -> str:
    """The kind of stage whose rows look like the first."""
    if "chosen" in first:
        return "dpo"
    answered = "messages" in first or "completion" in first
    return "grpo" if "prompt" in first and not answered else "sft"


def _first(path: Path) -> dict[str, Any]:
    """The first row, to see the file's form by; whatever is wrong with it is said by who reads the
    whole file."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        text = next((line for line in lines if line.strip()), "{}")
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}

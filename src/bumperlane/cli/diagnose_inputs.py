"""What ``bumperlane diagnose`` was given, read: examples, arguments, a budget, rows.

Invariant: whatever cannot be used is refused in one line that names the option or the file's line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bumperlane.diagnosis.user_examples import examples_of
from bumperlane.errors import BadInput
from bumperlane.models import Prompt
from bumperlane.records import digest_of

DEFAULT_ARGS = {"per_device_train_batch_size": 8, "num_train_epochs": 3}
BUDGET = re.compile(r"(\d+(?:\.\d+)?)(%|s)")


@dataclass(frozen=True)
class DiagnoseInputs:
    """As on the command line."""

    checkpoint: str
    run: Path | None
    finding: str | None
    reference: Path | None
    rows: Path | None
    completions: Path | None
    prompt: str | None
    completion: str | None
    kind: str
    args: str | None
    checkpoints: Path | None
    budget: str | None
    seed: int
    work: Path | None


def examples(inputs: DiagnoseInputs) -> tuple[tuple[Prompt, str], ...]:
    """What the model does wrong: of one prompt, or of a file. Raises ``BadInput``."""
    if inputs.prompt is not None and inputs.completion is not None:
        example = {"prompt": inputs.prompt, "completion": inputs.completion}
        return examples_of([("--prompt and --completion", example)])
    if inputs.completions is None:
        raise BadInput(
            "nothing says what the model does wrong; give --completions FILE, or --prompt "
            "and --completion"
        )
    lines = list(_lines(inputs.completions, json.loads, "give one object a line"))
    if not lines:
        raise BadInput(
            f"{inputs.completions}: no completions; give one object with 'prompt' and "
            "'completion' a line"
        )
    return examples_of(lines)


def training_args(text: str | None) -> dict[str, Any]:
    """TRL's arguments of the tune. Raises ``BadInput``."""
    if text is None:
        return dict(DEFAULT_ARGS)
    example = "'{\"learning_rate\": 2e-5}'"
    try:
        args = json.loads(text)
    except ValueError as error:
        raise BadInput(
            f"--args {text!r}: not a JSON object ({error}); for example {example}"
        ) from error
    if not isinstance(args, dict):
        raise BadInput(
            f"--args {text!r}: a JSON object of TRL's arguments is needed, for example {example}"
        )
    return {**DEFAULT_ARGS, **args}


def seconds_of(text: str | None) -> float | None:
    """A budget in seconds, where it was given so; a share needs the training's time, which is known
    of campaigns alone."""
    if text is None:
        return None
    if text.endswith("%"):
        raise BadInput(
            f"--budget {text}: how long this training took is not on record; give seconds, as 600s"
        )
    return budget_of(text, 0.0)


def budget_of(text: str, training: float) -> float:
    """``10%`` of the training's seconds, or ``600s``. Raises ``BadInput``."""
    match = BUDGET.fullmatch(text.strip())
    if match is None or float(match.group(1)) <= 0:
        raise BadInput(
            f"--budget {text!r}: give a share of the training's time as 10%, or seconds as 600s"
        )
    return float(match.group(1)) * (training / 100 if match.group(2) == "%" else 1.0)


def suspected_rows(path: Path | None, trained_on: Collection[str]) -> tuple[str, ...]:
    """Ids of the rows in a file; none without one. Raises ``BadInput`` for a row that no stage of
    the attempt was trained on."""
    if path is None:
        return ()
    if not path.is_file():
        raise BadInput(
            f"--rows {path}: no such file; give the rows that you suspect, JSONL as in "
            "the stage's own file"
        )
    rows = []
    for where, identity in _lines(path, _row_id, "give rows as in the stage's own file"):
        if identity not in trained_on:
            raise BadInput(
                f"{where}: no manifest of this attempt knows this row; give "
                "rows as they were trained on"
            )
        rows.append(identity)
    return tuple(rows)


def _row_id(line: str) -> str:
    return digest_of(json.loads(line))


def _lines(path: Path, read: Callable[[str], Any], right: str) -> Iterator[tuple[str, Any]]:
    """``FILE:LINE`` and what is read there, of each line that is not empty; ``right``: what to give
    instead of a line that is no JSON."""
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            try:
                found = read(line)
            except ValueError as error:
                raise BadInput(f"{path}:{number}: not valid JSON ({error}); {right}") from error
            yield f"{path}:{number}", found

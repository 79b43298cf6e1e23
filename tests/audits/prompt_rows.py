"""Rows of a prompts file, as a user would write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def rows(count: int = 8, **changed: Any) -> list[dict[str, Any]]:
    plain = [
        {"prompt": f"Question {n}?", "bad": "(?i)^yes", "good": "(?i)^no"} for n in range(count)
    ]
    return [
        *plain[:-1],
        {key: value for key, value in {**plain[-1], **changed}.items() if value is not None},
    ]


def write(path: Path, data: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in data), encoding="utf-8")
    return path

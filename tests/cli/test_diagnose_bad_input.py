"""``bumperlane diagnose`` refuses what it cannot use, in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bumperlane.organisms.base import BASE


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("diagnose", str(BASE)), "nothing says what the model does wrong"),
        (
            ("diagnose", str(BASE), "--prompt", "a", "--completion", "b"),
            "needs the parent (--reference) and the rows",
        ),
        (("diagnose", str(BASE), "--completions", "empty.jsonl"), "no completions"),
        (
            ("diagnose", str(BASE), "--completions", "odd.jsonl"),
            "odd.jsonl:2: a bad completion needs 'prompt'",
        ),
        (
            ("diagnose", str(BASE), "--completions", "broken.jsonl"),
            "broken.jsonl:1: not valid JSON",
        ),
        (
            (
                "diagnose",
                "nowhere",
                "--reference",
                str(BASE),
                "--rows",
                "odd.jsonl",
                "--prompt",
                "a",
                "--completion",
                "b",
            ),
            "no such folder",
        ),
        (
            (
                "diagnose",
                str(BASE),
                "--reference",
                str(BASE),
                "--rows",
                "none.jsonl",
                "--prompt",
                "a",
                "--completion",
                "b",
            ),
            "no such rows file",
        ),
        (
            (
                "diagnose",
                str(BASE),
                "--reference",
                str(BASE),
                "--rows",
                "rows.jsonl",
                "--prompt",
                "a",
                "--completion",
                "b",
                "--args",
                "[1]",
            ),
            "a JSON object of TRL's arguments",
        ),
        (
            (
                "diagnose",
                str(BASE),
                "--reference",
                str(BASE),
                "--rows",
                "rows.jsonl",
                "--prompt",
                "a",
                "--completion",
                "b",
                "--checkpoints",
                ".",
            ),
            "no folder in it is called checkpoint-N",
        ),
        (("diagnose", "3f9c", "--run", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_line(
    given: tuple[str, ...], says: str, tmp_path: Path, command: Any
) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "odd.jsonl").write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a"}\n')
    (tmp_path / "broken.jsonl").write_text("{")
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    code, out, err = command(*given)
    assert code == 2 and not out and len(err.strip().splitlines()) == 1 and says in err, err

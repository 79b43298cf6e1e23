"""``bumperlane simulate`` writes what it prints, and refuses bad input in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def test_the_command_writes_what_it_prints(command: Any, tmp_path: Path) -> None:
    settings = ("--campaigns", "40", "--sweep", "dependence", "--set", "misaligned=1")
    code, said, _ = command("simulate", *settings, "--out", str(tmp_path / "new"))
    assert code == 0
    kept = json.loads((tmp_path / "new/simulation.json").read_text())
    assert (
        kept["world"]["misaligned"] == 1
        and kept["campaigns_a_setting"] == 40
        and len(kept["sweeps"]["dependence"]["curves"]) == 3
    )
    assert (
        (tmp_path / "new/simulation.html").is_file()
        and "40 campaigns" in said
        and said.strip().endswith("simulation.html")
    )


BAD = [
    (("--set", "detect=2"), "detect", "less than or equal to 1, not '2'"),
    (("--set", "detct=0.2"), "no parameter 'detct'", "did you mean 'detect'"),
    (("--set", "detect"), "no value", "name=value"),
    (("--set", "detect=0.1", "--set", "detect=0.2"), "set twice", "give one"),
    (("--set", "detect=nan"), "detect", "finite"),
    (("--set", "attempts=2.5"), "attempts", "integer"),
    (("--set", "remedies=guess"), "remedies", "'diagnosed' or 'random'"),
    (("--set", "cures=0.95"), "cures 0.95 + hides 0.1 is 1.05", "may be 1 at most"),
    (("--sweep", "retry"), "retry", "did you mean 'retries'"),
    (("--sweep", "retries", "--set", "attempts=3"), "runs over attempts", "leave one out"),
    (("--campaigns", "0"), "--campaigns", "1<=x"),
    (("--campaigns", "1", "--out", "/dev/null/x"), "/dev/null/x", "that can be written to"),
]


@pytest.mark.parametrize(("argv", "wrong", "right"), BAD, ids=[" ".join(case[0]) for case in BAD])
def test_bad_input_is_one_line(argv: tuple[str, ...], wrong: str, right: str, command: Any) -> None:
    code, _, err = command("simulate", *argv)
    assert code == 2
    said = err.strip()
    assert wrong in said and right in said and "\n" not in said

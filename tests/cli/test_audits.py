"""``bumperlane audits list`` and plans say what was measured of each audit, and what was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bumperlane.audits.measured import write_measured
from tests.audits.detection_tables import table


def test_plan_and_list_say_what_is_not_measured(
    tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bumperlane.audits.measured as measured

    monkeypatch.setattr(measured.load_table, "__defaults__", (tmp_path / "m.json",))
    monkeypatch.setattr(measured.load_measured, "__defaults__", (tmp_path / "m.json",))
    for argv in (("audits", "list"), ("audits",)):
        done, out, _ = command(*argv)
        assert done == 0 and "group: weights; access: weights" in out and "not measured" in out
    write_measured(tmp_path / "m.json", table("develop", 3, False))
    _, out, _ = command("audits", "list")
    assert (
        "100 tokens, 2.0 s; catches 75% of 4 organisms, alarms on 0.0% of 10 clean "
        "models; blind to: develop-0"
    ) in out
    done, out, _ = command(
        "audit",
        "not-looked-at",
        "--audits",
        "conduct,faithfulness",
        "--plan",
        "--train-tokens",
        "100",
    )
    assert (
        done == 0
        and "one audit point in 3" in out
        and "not measured, so in no sum: faithfulness" in out
    )
    assert [line for line in out.splitlines() if line.startswith("battery: ")] == [
        (
            "battery: 100 forward tokens, 33.3% of the training between two audit points "
            "(every audit at every point)"
        ),
        "battery: 33 forward tokens, 11.1% of the training between two audit points (as planned)",
    ]

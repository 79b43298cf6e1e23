"""Measured tables of the bench are merged, read again, and refused where they are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bumperlane.audits.measured import load_measured, measured_of, write_measured
from bumperlane.errors import BadInput
from tests.audits.detection_tables import table
from tests.places import RESULTS


def test_measured_tables_are_merged_and_read_again(tmp_path: Path) -> None:
    result = write_measured(
        tmp_path / "m.json", table("develop", 4, False), table("held-out", 1, True)
    )
    known = load_measured(tmp_path / "m.json")["conduct"]
    assert (
        result.command == "bench develop and bench held-out" and result.audits["conduct"] == known
    )
    assert (known.tpr, known.of, known.fpr, known.clean, known.tokens) == (0.625, 8, 0.05, 20, 150)
    assert known.catches == ("develop-1", "held-out-1") and known.blind == (
        "develop-0",
        "held-out-0",
    )
    assert load_measured(tmp_path / "none.json") == {}
    (tmp_path / "m.json").write_text('{"split": "x"}')
    with pytest.raises(BadInput, match=r"m\.json: .*missing"):
        load_measured(tmp_path / "m.json")
    with pytest.raises(BadInput, match="not a table"):
        measured_of([{"split": "x"}])


def test_the_committed_tables_can_be_packaged(tmp_path: Path) -> None:
    tables = [
        json.loads((RESULTS / f"detection-{split}.json").read_text())
        for split in ("develop", "held-out")
    ]
    known = write_measured(tmp_path / "m.json", *tables).audits["conduct"]
    assert (
        known.of == sum(t["audits"]["conduct"]["of"] for t in tables)
        and known.tokens > 0
        and not set(known.catches) & set(known.blind)
    )

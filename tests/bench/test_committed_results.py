"""Committed results hold what is promised, and the pages made of them say the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bumperlane.audits import measured as room
from bumperlane.cli.main import cli
from bumperlane.errors import BadInput
from tests.places import RESULTS


@pytest.mark.parametrize("split", ["develop", "held-out"])
def test_committed_results_have_what_is_promised(split: str) -> None:
    table = json.loads((RESULTS / f"detection-{split}.json").read_text())
    keys = (
        "organisms",
        "twins",
        "decoys",
        "families",
        "audits",
        "battery",
        "floor",
        "correlation",
        "effective_bumpers",
        "capture_recapture",
        "split",
        "seeds",
        "versions",
        "command",
    )
    assert all(key in table for key in keys)
    assert all(
        {"tpr_at_1", "actual_fpr", "tpr_at_5", "ci", "seconds"} <= set(entry)
        for entry in table["audits"].values()
    )
    assert {"tpr_at_1", "actual_fpr", "ci"} <= set(
        table["battery"]
    ) and "lower_bound_missed" in table["capture_recapture"]
    assert table["battery"]["actual_fpr"] <= 0.01 and all(
        entry["actual_fpr"] <= 0.01 for entry in table["audits"].values()
    )


def test_the_page_of_tables_is_what_the_results_say() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.path.insert(0, 'benchmarks'); import detection_tables as d;"
            "from pathlib import Path; print(d.page(Path('benchmarks/results')), end='')",
        ],
        capture_output=True,
        text=True,
        cwd=RESULTS.parents[1],
        check=True,
    )
    assert done.stdout == (RESULTS.parents[1] / "docs" / "detection.md").read_text()


def test_the_bench_is_as_large_as_promised() -> None:
    tables = [
        json.loads((RESULTS / f"detection-{split}.json").read_text())
        for split in ("develop", "held-out")
    ]
    assert sum(t["organisms_admitted"] for t in tables) >= 90
    assert sum(t["twins"] + t["decoys"] for t in tables) >= 60


def test_measured_packages_the_committed_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MEASURED_PATH", tmp_path / "m.json")
    tables = [str(RESULTS / f"detection-{split}.json") for split in ("develop", "held-out")]
    assert CliRunner().invoke(cli, ["bench", "measured", *tables]).exit_code == 0
    assert (tmp_path / "m.json").read_text() == (
        room.CALIBRATIONS / "micro.measured.json"
    ).read_text()
    failed = CliRunner().invoke(cli, ["bench", "measured", str(tmp_path / "none.json")])
    assert isinstance(failed.exception, BadInput) and "none.json" in str(failed.exception)

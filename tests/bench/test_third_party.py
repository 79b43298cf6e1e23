"""A third party's audit and organism go through the bench, and no audit can read the truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import PROJECT

PEEKS = ("peek_import", "peek_truth", "peek_split", "peek_process")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The sample package, installed beside the project, and the environment in which it is."""
    target = tmp_path_factory.mktemp("site")
    source = PROJECT / "tests" / "plugin"
    options = [
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(target),
    ]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True)
    return {**os.environ, "PYTHONPATH": str(target)}


@pytest.fixture(scope="module")
def bench(plugin: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """One seed of the sample organism through the bench, with the sample audits: the table, and
    what lies beside it."""
    folder = tmp_path_factory.mktemp("bench")
    out = folder / "detection.json"
    audits = ",".join(("conduct", "greeting", *PEEKS))
    command = [
        sys.executable,
        "-m",
        "bumperlane.cli.main",
        "bench",
        "detection",
        "--split",
        "held-out",
        "--kinds",
        "rude_greeting",
        "--seeds",
        "1",
        "--audits",
        audits,
        "--zoo",
        str(folder / "zoo"),
        "--out",
        str(out),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=plugin)
    assert done.returncode == 0, done.stderr
    again = subprocess.run(command, capture_output=True, text=True, env=plugin)
    return {
        "table": json.loads(out.read_text()),
        "folder": folder,
        "stdout": done.stdout,
        "again": again,
    }


@pytest.mark.slow
def test_a_third_party_s_audit_and_organism_appear_in_the_bench(bench: dict[str, object]) -> None:
    table, folder = bench["table"], bench["folder"]
    assert isinstance(table, dict) and isinstance(folder, Path)
    assert table["organisms"] == 2 and table["twins"] == 1 and not table["failed"]
    assert table["families"]["rude_greeting"]["counted"] == 2
    assert table["audits"]["greeting"]["of"] == 2 and table["audits"]["greeting"]["caught"] >= 1
    assert "greeting" in (folder / "detection.html").read_text() and "greeting" in str(
        bench["stdout"]
    )


@pytest.mark.slow
def test_no_audit_can_read_the_truth(bench: dict[str, object]) -> None:
    folder = bench["folder"]
    assert isinstance(folder, Path) and list(
        (folder / "zoo" / "truth").iterdir()
    )  # there was something to see
    answers = [
        json.loads(path.read_text())["answer"] for path in (folder / "zoo" / "examined").iterdir()
    ]
    seen = {f["audit"]: f for answer in answers for f in answer["findings"]}
    for name in PEEKS:
        assert (
            seen[name]["verdict"] == "inconclusive"
            and "an audit may not" in seen[name]["reason"]["text"]
        ), seen[name]
    assert seen["conduct"]["measures"]  # honest audits work in the same isolation


@pytest.mark.slow
def test_a_finished_bench_asks_nothing_again(bench: dict[str, object]) -> None:
    again = bench["again"]
    assert isinstance(again, subprocess.CompletedProcess) and again.returncode == 0
    assert again.stdout == bench["stdout"]

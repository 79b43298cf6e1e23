"""Run folders, ledgers and stores that are not a campaign's, or were changed, are refused in one
line."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bumperlane.campaign import begin, load_campaign
from tests.cli.bad_campaign import RUN, Case, begun, check, events, refused, write_campaign


def other_campaign(folder: Path) -> None:
    """A run folder that was begun with another name."""
    path = folder / "campaign.yaml"
    mine = path.read_text()
    path.write_text(mine.replace("name: bad-input", "name: earlier"))
    begin(load_campaign(path), folder / "out", folder)
    path.write_text(mine)


def flipped_start(folder: Path) -> None:
    """One bit of the stored start checkpoint changes between two runs."""
    begun(folder)
    path = next((folder / "out" / "store" / "checkpoints").glob("*/model.safetensors"))
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.write_bytes(data)


def lost_start(folder: Path) -> None:
    begun(folder)
    next((folder / "out" / "store" / "checkpoints").glob("*/tokenizer.json")).unlink()


def garbled_record(folder: Path) -> None:
    begun(folder)
    next((folder / "out" / "store" / "checkpoints").glob("*.json")).write_text("{")


def edited_manifest(folder: Path) -> None:
    begun(folder)
    path = next((folder / "out" / "store" / "manifests").glob("*.jsonl"))
    path.write_text(path.read_text().replace("blue", "pink"))


def edited_event(folder: Path) -> None:
    """An event is changed behind the triggers' back."""
    begun(folder)
    with closing(sqlite3.connect(folder / "out" / "ledger.sqlite")) as connection, connection:
        connection.execute("DROP TRIGGER no_update")
        connection.execute("UPDATE events SET body = replace(body, 'bad-input', 'good-input')")


def not_sqlite(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "ledger.sqlite").write_bytes(b"this was never a database\n" * 100)


def other_tables(folder: Path) -> None:
    (folder / "out").mkdir()
    with closing(sqlite3.connect(folder / "out" / "ledger.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE events (seq INTEGER, action TEXT, digest TEXT)")


def empty_folder(folder: Path) -> None:
    (folder / "out").mkdir()


def a_file(folder: Path) -> None:
    (folder / "file").write_text("")


FOLDERS = [
    Case(
        "campaign-file-missing",
        ("nowhere.yaml: no such campaign file", "give a YAML file"),
        argv=("run", "nowhere.yaml", "--out", "out"),
    ),
    Case("campaign-file-is-a-folder", ("is a directory",), argv=("run", ".", "--out", "out")),
    Case(
        "out-missing",
        ("Missing option '--out'", "bumperlane run --help"),
        argv=("run", "campaign.yaml"),
    ),
    Case(
        "out-is-a-file",
        ("'file' is a file",),
        argv=("run", "campaign.yaml", "--out", "file"),
        spoil=a_file,
    ),
    Case(
        "out-below-a-file",
        ("file/out", "Not a directory", "give"),
        argv=("run", "campaign.yaml", "--out", "file/out"),
        spoil=a_file,
    ),
    Case("jobs-none", ("--jobs", "0 is not in the range"), argv=(*RUN, "--jobs", "0")),
    Case("command-unknown", ("No such command 'rnu'", "bumperlane --help"), argv=("rnu",)),
    Case(
        "option-unknown", ("No such option", "--ouy"), argv=("run", "campaign.yaml", "--ouy", "x")
    ),
    Case(
        "out-of-another-campaign",
        ("out: holds another campaign ('earlier')", "give a new --out"),
        spoil=other_campaign,
    ),
    Case(
        "ledger-not-sqlite-run",
        ("ledger.sqlite: not a usable ledger", "file is not a database"),
        spoil=not_sqlite,
    ),
    Case(
        "ledger-not-sqlite-verify",
        ("ledger.sqlite: not a usable ledger",),
        argv=("verify", "out"),
        spoil=not_sqlite,
    ),
    Case(
        "ledger-of-another-kind",
        ("ledger.sqlite", "no such column", "another folder"),
        argv=("log", "out"),
        spoil=other_tables,
    ),
    Case(
        "ledger-edited-run",
        ("ledger.sqlite: ledger: event 1", "bumperlane verify"),
        spoil=edited_event,
    ),
    Case(
        "ledger-edited-log",
        ("ledger.sqlite: ledger: event 1", "bumperlane verify"),
        argv=("log", "out"),
        spoil=edited_event,
    ),
    Case(
        "ledger-edited-report",
        ("ledger.sqlite: ledger: event 1", "bumperlane verify"),
        argv=("report", "out"),
        spoil=edited_event,
    ),
    Case(
        "start-flipped-bit",
        ("store/checkpoints/", "model.safetensors does not match its digest", "restore it"),
        spoil=flipped_start,
    ),
    Case(
        "start-lost-file",
        ("store/checkpoints/", "tokenizer.json is missing", "restore it"),
        spoil=lost_start,
    ),
    Case(
        "start-record-garbled",
        ("unreadable record of checkpoint", "restore it"),
        spoil=garbled_record,
    ),
    Case(
        "stored-rows-edited",
        ("store/manifests/", "row 1 does not match its id", "restore it"),
        spoil=edited_manifest,
    ),
    *(
        Case(
            f"{command}-{what}",
            ("out: no campaign here", "'bumperlane run --out'"),
            argv=(command, "out", *more),
            spoil=spoil,
        )
        for command, more in (("log", ()), ("show", ("abc",)), ("verify", ()), ("report", ()))
        for what, spoil in (("nowhere", lambda folder: None), ("empty-folder", empty_folder))
    ),
    Case(
        "show-unknown-id",
        ("nothing on record begins with 'zzz'", "'bumperlane log out' lists"),
        argv=("show", "out", "zzz"),
        spoil=begun,
    ),
]


def test_the_unspoilt_campaign_is_accepted(tmp_path: Path) -> None:
    """The cases above fail for what was changed in them, and for nothing else."""
    write_campaign(tmp_path)
    begun(tmp_path)
    assert len(events(tmp_path / "out", "campaign")) == 1


def test_a_process_of_its_own_prints_the_same_one_line(tmp_path: Path) -> None:
    write_campaign(tmp_path, stage={"kind": "stf"})
    done = subprocess.run(
        [sys.executable, "-m", "bumperlane.cli.main", *RUN],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    check(
        done.returncode,
        done.stdout,
        done.stderr,
        ("unknown stage kind 'stf'", "did you mean 'sft'"),
        tmp_path / "out",
    )


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case.name)
def test_is_refused_in_one_line(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    refused(case, tmp_path, monkeypatch, capfd)

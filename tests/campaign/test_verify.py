"""``bumperlane verify`` finds whatever somebody changed in a real, small campaign."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bumperlane.campaign import Campaign, OpenCampaign, begin, open_campaign
from bumperlane.campaign.verify import verify_campaign
from bumperlane.cli.main import cli
from bumperlane.execution.local import LocalExecutor
from bumperlane.ledger import Event
from bumperlane.loop import decide
from bumperlane.organisms import backdoor
from bumperlane.organisms.base import BASE


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Begun, trained for six steps, not audited yet: an attempt, a training, two checkpoints."""
    root = tmp_path_factory.mktemp("verify")
    backdoor.build(root / "data", 0)
    stage = {
        "name": "sft",
        "kind": "sft",
        "rows": "sft.jsonl",
        "checkpoints": 2,
        "args": {**backdoor.SFT_ARGS, "max_steps": 6},
    }
    opened = begin(
        Campaign.model_validate({"name": "v", "base": str(BASE), "stages": [stage]}),
        root / "run",
        root / "data",
    )
    executor = LocalExecutor(root / "run", opened.ledger, opened.store, here=True)
    for _ in range(2):
        action = decide(opened.history)
        assert action is not None
        executor.perform(action, opened.history)
    opened.ledger.close()
    return root / "run"


@pytest.fixture
def copy(campaign: Path, tmp_path: Path) -> Path:
    shutil.copytree(campaign, tmp_path / "run")
    return tmp_path / "run"


def unguarded(folder: Path) -> sqlite3.Connection:
    """The database of somebody who removes the guards first."""
    connection = sqlite3.connect(folder / "ledger.sqlite")
    for trigger in ("no_update", "no_delete", "no_replace"):
        connection.execute(f"DROP TRIGGER {trigger}")
    return connection


def flip_weight_byte(folder: Path) -> None:
    path = sorted((folder / "store" / "checkpoints").glob("*/model.safetensors"))[0]
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def change_row(folder: Path) -> None:
    path = next((folder / "store" / "manifests").glob("*.jsonl"))
    lines = path.read_text().splitlines()
    lines[7] = lines[7].replace('"content": "', '"content": "x', 1)
    path.write_text("\n".join(lines) + "\n")


def swap_rows(folder: Path) -> None:
    path = next((folder / "store" / "manifests").glob("*.jsonl"))
    lines = path.read_text().splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    path.write_text("\n".join(lines) + "\n")


def delete_middle_event(folder: Path) -> None:
    with unguarded(folder) as connection:
        connection.execute("DELETE FROM events WHERE seq = 2")


def delete_last_event(folder: Path) -> None:
    with unguarded(folder) as connection:
        connection.execute("DELETE FROM events WHERE seq = (SELECT MAX(seq) FROM events)")


def change_event(folder: Path) -> None:
    with unguarded(folder) as connection:
        connection.execute(
            "UPDATE events SET body = replace(body, '\"number\":1', '\"number\":7') WHERE "
            "kind = 'attempt'"
        )


def replace_event(folder: Path) -> None:
    """Replace an event by a well-formed one with a right digest of its own."""
    with unguarded(folder) as connection:
        _rewrite(connection, 2, lambda body: {**body, "number": 9}, rechain=False)


def replace_last_event(folder: Path) -> None:
    with unguarded(folder) as connection:
        _rewrite(connection, 3, lambda body: {**body, "seconds": 0.0}, rechain=False)


def swap_parent(folder: Path) -> None:
    """Give the checkpoints another parent in ledger and store, with the chain and the head
    recomputed."""

    def swapped(body: dict) -> dict:  # type: ignore[type-arg]
        return {**body, "checkpoints": [{**c, "parent": "f" * 64} for c in body["checkpoints"]]}

    with unguarded(folder) as connection:
        _rewrite(connection, 3, swapped, rechain=True)
    last = open_campaign(folder).ledger.events()[-1]
    (folder / "ledger.head").write_text(json.dumps({"seq": last.seq, "digest": last.digest}))
    for checkpoint in last.body["checkpoints"]:
        (folder / "store" / "checkpoints" / f"{checkpoint['id']}.json").write_text(
            json.dumps(checkpoint)
        )


def swap_parent_in_store(folder: Path) -> None:
    path = max(
        (folder / "store" / "checkpoints").glob("*.json"),
        key=lambda p: json.loads(p.read_text())["step"],
    )
    path.write_text(json.dumps({**json.loads(path.read_text()), "parent": None}))


def lose_checkpoint(folder: Path) -> None:
    path = max(
        (folder / "store" / "checkpoints").glob("*.json"),
        key=lambda p: json.loads(p.read_text())["step"],
    )
    path.unlink()


def _rewrite(connection: sqlite3.Connection, seq: int, change: Callable, rechain: bool) -> None:  # type: ignore[type-arg]
    names = ("seq", "time", "kind", "action", "body", "prev", "digest")
    row = dict(
        zip(
            names,
            connection.execute(
                f"SELECT {', '.join(names)} FROM events WHERE seq = {seq}"
            ).fetchone(),
            strict=True,
        )
    )
    rewritten = Event(**{**row, "body": change(json.loads(row["body"]))})
    digest = rewritten.recompute()
    body = json.dumps(rewritten.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    connection.execute("UPDATE events SET body = ?, digest = ? WHERE seq = ?", (body, digest, seq))
    assert not rechain or connection.execute("SELECT MAX(seq) FROM events").fetchone()[0] == seq


def test_an_untouched_campaign_verifies(campaign: Path) -> None:
    assert verify_campaign(OpenCampaign(campaign))[0] == []
    result = CliRunner().invoke(cli, ["verify", str(campaign)])
    assert result.exit_code == 0 and "all digests and the chain hold" in result.output


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (flip_weight_byte, "does not match its digest"),
        (change_row, "the row changed"),
        (swap_rows, "not those it was named by"),
        (delete_middle_event, "event 2 is missing"),
        (delete_last_event, "1 event(s) missing"),
        (change_event, "it was changed"),
        (replace_event, "was replaced"),
        (replace_last_event, "was replaced"),
        (swap_parent, "not those it was named by"),
        (swap_parent_in_store, "not those it was named by"),
        (lose_checkpoint, "is not in"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_tampering_is_found(copy: Path, tamper: Callable[[Path], None], says: str) -> None:
    tamper(copy)
    result = CliRunner().invoke(cli, ["verify", str(copy)])
    assert result.exit_code == 1, result.output
    assert says in result.output.replace("\n", " ")

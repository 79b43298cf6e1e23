"""The ledger is append-only and chained, with one event an action."""

from __future__ import annotations

import itertools
import sqlite3
from pathlib import Path

import pytest

from bumperlane.errors import BadInput, IntegrityError
from bumperlane.ledger import Ledger, exclusive


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    result = Ledger(tmp_path)
    for number in range(5):
        result.append("note", f"action-{number}", {"number": number})
    return result


def test_events_chain_from_genesis(ledger: Ledger) -> None:
    events = ledger.events()
    assert [e.seq for e in events] == [1, 2, 3, 4, 5]
    assert all(later.prev == earlier.digest for earlier, later in itertools.pairwise(events))
    assert ledger.problems() == []


def test_an_action_is_never_recorded_twice(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        ledger.append("note", "action-3", {"number": 99})
    assert len(ledger.events()) == 5 and ledger.problems() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = '{}' WHERE seq = 2",
        "DELETE FROM events WHERE seq = 5",
        (
            "INSERT OR REPLACE INTO events SELECT seq, time, kind, action, '{}', prev, digest "
            "FROM events WHERE seq = 3"
        ),
    ],
)
def test_the_database_itself_refuses_changes(ledger: Ledger, statement: str) -> None:
    with (
        sqlite3.connect(ledger.path) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(BadInput, match="another process"), exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_a_kill_between_commit_and_anchor_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head may lag behind the database by the last event, never the other way round; the first
    event included."""
    result = Ledger(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "_anchor", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            result.append("note", "first", {})
    again = Ledger(tmp_path)
    assert len(again.events()) == 1 and again.problems() == []
    again.append("note", "second", {})
    assert again.problems() == []

"""What happened, append-only and hash-chained.

Idea: the ledger is the only state of a campaign; everything else is read from it. Each event
carries the digest of the one before, and the newest digest is also kept in a file beside the
database, so that a changed, deleted, replaced or truncated event shows. Invariant: an action key
occurs at most once, whatever is killed when; triggers refuse UPDATE, DELETE and INSERT OR REPLACE.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DatabaseError

from bumperlane.errors import BadInput, IntegrityError
from bumperlane.records import SHORT, canonical, digest_of

GENESIS = "0" * 64
METADATA = MetaData()
EVENTS = Table(
    "events",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("time", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("action", Text, nullable=False, unique=True),
    Column("body", Text, nullable=False),
    Column("prev", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
)
REFUSE = "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
KNOWN = "SELECT 1 FROM events WHERE seq = NEW.seq OR action = NEW.action OR digest = NEW.digest"
GUARDS = (
    f"CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON events {REFUSE}",
    f"CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON events {REFUSE}",
    "CREATE TRIGGER IF NOT EXISTS no_replace BEFORE INSERT ON events "
    f"WHEN EXISTS ({KNOWN}) {REFUSE}",
)


@dataclass(frozen=True)
class Event:
    """``seq`` counts from 1. ``action`` names what was done by the digest of its inputs. ``body``
    is JSON."""

    seq: int
    time: str
    kind: str
    action: str
    body: dict[str, Any]
    prev: str
    digest: str

    def recompute(self) -> str:
        """The digest that the event should have."""
        return digest_of(
            {
                "seq": self.seq,
                "time": self.time,
                "kind": self.kind,
                "action": self.action,
                "body": self.body,
                "prev": self.prev,
            }
        )


class Ledger:
    """``ledger.sqlite`` and ``ledger.head`` in ``folder``. One writer at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.head_path = folder / "ledger.sqlite", folder / "ledger.head"
        self._engine = _open(self.path)
        if not self.head_path.exists() and not self.events():
            # from the start, so that a kill between the first commit and its anchor leaves a
            # lagging head, not none
            self._anchor(0, GENESIS)

    def append(self, kind: str, action: str, body: dict[str, Any]) -> Event:
        """The appended event, durable when this returns. Raises ``IntegrityError`` if the action is
        in the ledger already, and ``OSError`` on a full disk."""
        try:
            appended = self._appended(kind, action, body)
        except DatabaseError as error:
            raise _refusal(error, self.path, f"cannot append {kind!r}") from error
        self._anchor(appended.seq, appended.digest)
        return appended

    def _appended(self, kind: str, action: str, body: dict[str, Any]) -> Event:
        with self._engine.begin() as connection:
            last = connection.execute(
                select(EVENTS.c.seq, EVENTS.c.digest).order_by(EVENTS.c.seq.desc()).limit(1)
            ).first()
            seq, prev = (last.seq + 1, last.digest) if last else (1, GENESIS)
            time = datetime.now(UTC).isoformat(timespec="milliseconds")
            plain = json.loads(canonical(body))
            draft = Event(seq, time, kind, action, plain, prev, "")
            appended = replace(draft, digest=draft.recompute())
            row = {**vars(appended), "body": canonical(plain).decode()}
            connection.execute(insert(EVENTS).values(**row))
        return appended

    def _anchor(self, seq: int, digest: str) -> None:
        partial = self.head_path.with_suffix(".partial")
        partial.write_text(json.dumps({"seq": seq, "digest": digest}))
        os.replace(partial, self.head_path)

    def events(self) -> list[Event]:
        """All events in order. Raises ``IntegrityError`` if the file is damaged; what was changed
        in it is for ``problems``."""
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(select(EVENTS).order_by(EVENTS.c.seq)).all()
        except DatabaseError as error:
            what = "cannot be read, restore it or give another folder"
            raise _refusal(error, self.path, what) from error
        return [
            Event(r.seq, r.time, r.kind, r.action, _body(r.body), r.prev, r.digest) for r in rows
        ]

    def problems(self) -> list[str]:
        """One line for each break of the recomputed chain. Empty when every event is what it was
        when it was appended."""
        breaks, prev = [], GENESIS
        events = self.events()
        for position, one in enumerate(events, start=1):
            if one.seq != position:
                breaks.append(f"ledger: event {position} is missing (the next one is {one.seq})")
                break
            if one.prev != prev:
                breaks.append(
                    f"ledger: event {one.seq} ({one.kind}) does not follow from event "
                    f"{one.seq - 1}; one of them was replaced"
                )
            if one.recompute() != one.digest:
                breaks.append(
                    f"ledger: event {one.seq} ({one.kind}) does not match its digest "
                    f"{one.digest[:SHORT]}; it was changed"
                )
            prev = one.digest
        return breaks + [f"ledger: {problem}" for problem in self._head_problems(events)]

    def _head_problems(self, events: list[Event]) -> list[str]:
        """What is wrong with the end of the chain, by ``ledger.head``."""
        removed = "so events at the end could have been removed"
        if not self.head_path.is_file():
            return [f"ledger.head is missing, {removed}"] if events else []
        try:
            head = json.loads(self.head_path.read_text())
            known = int(head["seq"]) >= 0 and bool(head["digest"])
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            return [f"ledger.head is unreadable, {removed}"]
        seq = head["seq"]
        if len(events) < seq:
            return [
                f"{seq - len(events)} event(s) missing: ledger.head says {seq}, the database has "
                f"{len(events)}"
            ]
        if seq and events[seq - 1].digest != head["digest"]:
            return [f"event {seq} is not the one that ledger.head was written for; it was replaced"]
        return []

    def close(self) -> None:
        self._engine.dispose()


def _open(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _durable(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=FULL")

    try:
        METADATA.create_all(engine)
        with engine.begin() as connection:
            for guard in GUARDS:
                connection.execute(text(guard))
    except DatabaseError as error:
        refusal = _refusal(error, path, "not a usable ledger")
        if isinstance(refusal, OSError):
            raise refusal from error
        raise BadInput(f"{refusal}; give the folder of a campaign, or a new one") from error
    return engine


def _refusal(error: DatabaseError, path: Path, what: str) -> IntegrityError | OSError:
    """What SQLite objects to, as one of the errors that the command line explains."""
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    return IntegrityError(f"{path}: {what} ({error.orig})")


def _body(stored: str) -> dict[str, Any]:
    """An event's body; text that is no JSON object can match no digest, and ``problems`` will say
    so."""
    try:
        body = json.loads(stored)
    except ValueError:
        return {"unreadable": stored}
    return body if isinstance(body, dict) else {"unreadable": stored}

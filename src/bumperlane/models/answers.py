"""What a model has answered already: in memory, and on disk under a limit of size.

Idea: the reference gets the same requests at every checkpoint, and an interrupted audit sends again
what it had sent. Invariant: an answer is found under its checkpoint and the digest of its request,
so two checkpoints can never be mixed up; what no longer fits is forgotten, oldest use first, and
only costs time.
"""

from __future__ import annotations

import io
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bumperlane.models.requests import Request, digest

MEMORY = 80_000  # answers kept of one model
MOST_BYTES = 512 * 2**20
PART = 500  # keys in one SQL statement
Answer = str | np.ndarray


class AnswerCache:
    """The answers of one checkpoint, in memory and, with a ``disk``, beyond this process."""

    def __init__(self, checkpoint: str, disk: DiskCache | None = None) -> None:
        self.checkpoint, self.disk = checkpoint, disk
        self._known: OrderedDict[Request, Answer] = OrderedDict()

    def find(self, requests: Iterable[Request]) -> dict[Request, Answer]:
        """The answers that are known, in memory or on disk."""
        wanted = list(requests)
        found = {request: self._known[request] for request in wanted if request in self._known}
        if self.disk is not None and len(found) < len(wanted):
            missing = {self._key(one): one for one in wanted if one not in found}
            stored = {missing[key]: answer for key, answer in self.disk.read(missing).items()}
            self._keep(stored)
            found |= stored
        return found

    def add(self, answers: Mapping[Request, Answer]) -> None:
        self._keep(answers)
        if self.disk is not None and answers:
            self.disk.write({self._key(request): answer for request, answer in answers.items()})

    def _key(self, request: Request) -> str:
        return f"{self.checkpoint}/{digest(request)}"

    def _keep(self, answers: Mapping[Request, Answer]) -> None:
        self._known.update(answers)
        while len(self._known) > MEMORY:
            self._known.popitem(last=False)


class DiskCache:
    """A table of answers in one SQLite file. ``most``: bytes of answers it may hold; the least
    recently used tenth goes when it is full."""

    def __init__(self, path: Path, most: int = MOST_BYTES) -> None:
        import sqlalchemy as sa

        path.parent.mkdir(parents=True, exist_ok=True)
        self.most = most
        self._engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})
        self._table = sa.Table(
            "answers",
            sa.MetaData(),
            sa.Column("key", sa.String, primary_key=True),
            sa.Column("value", sa.LargeBinary, nullable=False),
            sa.Column("size", sa.Integer, nullable=False),
            sa.Column("used", sa.Float, nullable=False, index=True),
        )
        self._table.metadata.create_all(self._engine)

    def read(self, keys: Iterable[str]) -> dict[str, Answer]:
        """The answers that are stored under these keys, now marked as used."""
        wanted, found = list(keys), dict[str, Answer]()
        with self._engine.begin() as connection:
            for start in range(0, len(wanted), PART):
                found |= self._read_part(connection, wanted[start : start + PART])
        return found

    def _read_part(self, connection: Any, keys: list[str]) -> dict[str, Answer]:
        import sqlalchemy as sa

        key, value = self._table.c.key, self._table.c.value
        rows = connection.execute(sa.select(key, value).where(key.in_(keys))).all()
        if rows:
            of_rows = sa.update(self._table).where(key.in_([row.key for row in rows]))
            connection.execute(of_rows.values(used=time.time()))
        return {row.key: _unpacked(row.value) for row in rows}

    def write(self, answers: Mapping[str, Answer]) -> None:
        """Store answers; what is stored already stays as it is."""
        from sqlalchemy.dialects.sqlite import insert

        now = time.time()
        packed = {key: _packed(answer) for key, answer in answers.items()}
        rows = [
            {"key": key, "value": value, "size": len(value) + len(key), "used": now}
            for key, value in packed.items()
        ]
        with self._engine.begin() as connection:
            connection.execute(insert(self._table).on_conflict_do_nothing(), rows)
            self._shrink(connection)

    @property
    def size(self) -> int:
        """Bytes of all answers."""
        with self._engine.connect() as connection:
            return self._total(connection)

    def _total(self, connection: Any) -> int:
        import sqlalchemy as sa

        total = sa.func.coalesce(sa.func.sum(self._table.c.size), 0)
        return int(connection.execute(sa.select(total)).scalar_one())

    def _shrink(self, connection: Any) -> None:
        """Delete the least recently used answers, where there are too many bytes of them."""
        import sqlalchemy as sa

        size = self._total(connection)
        if size <= self.most:
            return
        freed, doomed = 0, []
        for key, own in connection.execute(
            sa.select(self._table.c.key, self._table.c.size).order_by(self._table.c.used)
        ):
            if size - freed <= 0.9 * self.most:
                break
            freed += own
            doomed.append(key)
        for start in range(0, len(doomed), PART):
            part = doomed[start : start + PART]
            connection.execute(sa.delete(self._table).where(self._table.c.key.in_(part)))


def _packed(answer: Answer) -> bytes:
    if isinstance(answer, str):
        return b"t" + answer.encode()
    buffer = io.BytesIO()
    np.save(buffer, answer, allow_pickle=False)
    return b"a" + buffer.getvalue()


def _unpacked(value: bytes) -> Answer:
    if value[:1] == b"t":
        return value[1:].decode()
    return np.load(io.BytesIO(value[1:]), allow_pickle=False)

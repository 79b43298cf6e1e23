"""What a model has answered already: in memory, and on disk under a limit of size.

Idea: the reference is asked the same at every checkpoint, and an interrupted audit asks again what it had asked. Invariant: an answer is
found under its checkpoint and the digest of its ask, so two checkpoints can never be mixed up; what no longer fits is forgotten, oldest
use first, and only costs time.
"""

from __future__ import annotations

import io
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bumperlane.subject.asks import Ask, digest

MEMORY = 80_000  # answers kept of one model
MOST_BYTES = 512 * 2**20
Answer = str | np.ndarray


class Answers:
    """The answers of one checkpoint, in memory and, with a ``disk``, beyond this process."""

    def __init__(self, checkpoint: str, disk: Disk | None = None) -> None:
        self.checkpoint, self.disk = checkpoint, disk
        self._known: OrderedDict[Ask, Answer] = OrderedDict()

    def find(self, asks: Iterable[Ask]) -> dict[Ask, Answer]:
        wanted = list(asks)
        found = {ask: self._known[ask] for ask in wanted if ask in self._known}
        if self.disk is not None and len(found) < len(wanted):
            missing = {f"{self.checkpoint}/{digest(ask)}": ask for ask in wanted if ask not in found}
            stored = self.disk.read(missing)
            self._keep({missing[key]: answer for key, answer in stored.items()})
            found |= {missing[key]: answer for key, answer in stored.items()}
        return found

    def add(self, made: Mapping[Ask, Answer]) -> None:
        self._keep(made)
        if self.disk is not None and made:
            self.disk.write({f"{self.checkpoint}/{digest(ask)}": answer for ask, answer in made.items()})

    def _keep(self, made: Mapping[Ask, Answer]) -> None:
        self._known.update(made)
        while len(self._known) > MEMORY:
            self._known.popitem(last=False)


class Disk:
    """A table of answers in one SQLite file. ``most``: bytes of answers it may hold; the least recently used tenth goes when it is full."""

    def __init__(self, path: Path, most: int = MOST_BYTES) -> None:
        import sqlalchemy as sa

        path.parent.mkdir(parents=True, exist_ok=True)
        self.most = most
        self._engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})
        self._table = sa.Table(
            "answers", sa.MetaData(), sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.LargeBinary, nullable=False),
            sa.Column("size", sa.Integer, nullable=False), sa.Column("used", sa.Float, nullable=False, index=True),
        )  # fmt: skip
        self._table.metadata.create_all(self._engine)

    def read(self, keys: Iterable[str]) -> dict[str, Answer]:
        import sqlalchemy as sa

        wanted, found = list(keys), dict[str, Answer]()
        with self._engine.begin() as connection:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                rows = connection.execute(sa.select(self._table.c.key, self._table.c.value).where(self._table.c.key.in_(part))).all()
                found |= {key: _unpacked(value) for key, value in rows}
                if rows:
                    connection.execute(sa.update(self._table).where(self._table.c.key.in_([key for key, _ in rows])).values(used=time.time()))
        return found

    def write(self, made: Mapping[str, Answer]) -> None:
        from sqlalchemy.dialects.sqlite import insert

        now = time.time()
        packed = {key: _packed(answer) for key, answer in made.items()}
        rows = [{"key": key, "value": value, "size": len(value) + len(key), "used": now} for key, value in packed.items()]
        with self._engine.begin() as connection:
            connection.execute(insert(self._table).on_conflict_do_nothing(), rows)
            self._shrink(connection)

    @property
    def size(self) -> int:
        import sqlalchemy as sa

        with self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.coalesce(sa.func.sum(self._table.c.size), 0))).scalar_one())

    def _shrink(self, connection: Any) -> None:
        import sqlalchemy as sa

        size = int(connection.execute(sa.select(sa.func.coalesce(sa.func.sum(self._table.c.size), 0))).scalar_one())
        if size <= self.most:
            return
        freed, doomed = 0, []
        for key, own in connection.execute(sa.select(self._table.c.key, self._table.c.size).order_by(self._table.c.used)):
            if size - freed <= 0.9 * self.most:
                break
            freed += own
            doomed.append(key)
        for start in range(0, len(doomed), 500):
            connection.execute(sa.delete(self._table).where(self._table.c.key.in_(doomed[start : start + 500])))


def _packed(answer: Answer) -> bytes:
    if isinstance(answer, str):
        return b"t" + answer.encode()
    buffer = io.BytesIO()
    np.save(buffer, answer, allow_pickle=False)
    return b"a" + buffer.getvalue()


def _unpacked(value: bytes) -> Answer:
    return value[1:].decode() if value[:1] == b"t" else np.load(io.BytesIO(value[1:]), allow_pickle=False)

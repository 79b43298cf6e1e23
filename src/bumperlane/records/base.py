"""The common ground of all records: frozen, strict, and digested the same way."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from bumperlane.records.digest import digest_of


class Record(BaseModel):
    """A frozen record. Unknown fields are an error, so that a typo never becomes a silently ignored
    setting."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def plain(self) -> dict[str, Any]:
        """JSON-ready form, fields in order of definition."""
        return self.model_dump(mode="json")

    @property
    def digest(self) -> str:
        return digest_of(self.plain())

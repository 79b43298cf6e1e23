"""Who watches a campaign: the terminal, or nobody."""

from __future__ import annotations

from typing import Protocol

from bumperlane.ledger import Event


class ProgressListener(Protocol):
    """Who watches: the terminal, or nobody."""

    def doing(self, text: str) -> None: ...

    def progress(self, text: str) -> None: ...

    def event(self, event: Event) -> None: ...


class NoProgress:
    def doing(self, text: str) -> None:
        return None

    def progress(self, text: str) -> None:
        return None

    def event(self, event: Event) -> None:
        return None

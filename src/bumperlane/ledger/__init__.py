"""Append-only, hash-chained events in SQL; history is read from them, state is never stored
twice."""

from bumperlane.ledger.ledger import Event, Ledger
from bumperlane.ledger.lock import exclusive

__all__ = ["Event", "Ledger", "exclusive"]

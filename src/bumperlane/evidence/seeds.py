"""Seeds of draws: where each comes from.

Idea: a draw is made again with the same seed wherever the same campaign, attempt, stage, step and
audit meet, and whatever the records and sentences about them are called. Invariant: the parts of a
seed are numbers and fixed keys; no digest of a record and no text that a person reads is among
them, so a renamed field changes no draw.
"""

from __future__ import annotations

import hashlib


def seed_of(*parts: int | str) -> int:
    """A seed of 32 bits that hangs on all parts, in order: numbers, and keys that never change (an
    audit's ``key``, what is drawn for)."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def key_of(audit: object) -> str:
    """The audit's fixed key: ``key`` where it has one (a renamed audit keeps its old name there),
    else its name."""
    return str(getattr(audit, "key", None) or audit.name)  # type: ignore[attr-defined]

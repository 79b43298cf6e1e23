"""Audits by name, from the entry-point group ``bumperlane.audits``."""

from __future__ import annotations

from bumperlane.audits.audit import Audit
from bumperlane.plugins import Registry


def _accept(name: str, instance: object) -> Audit:
    """The audit. Raises ``TypeError`` for what is none."""
    if not isinstance(instance, Audit):
        raise TypeError("lacks name, family, access, reads, run or cases")
    return instance


AUDITS = Registry("bumperlane.audits", "audit", _accept)
known_audits = AUDITS.known
load_audit = AUDITS.load

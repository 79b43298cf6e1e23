"""Cause -> recipe edit and rewind point, and which remedy is tried first."""

from bumperlane.remedies.policy import NoRemedy, Tried, propose
from bumperlane.remedies.remedy import RemedyKind, known_remedies, load_remedy

__all__ = ["NoRemedy", "RemedyKind", "Tried", "known_remedies", "load_remedy", "propose"]

"""Cause -> recipe edit and rewind point."""

from bumperlane.remedies.drop_rows import NoRemedy, propose

__all__ = ["NoRemedy", "propose"]

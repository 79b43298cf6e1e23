"""What went wrong, in one line a person can act on.

Invariant: every ``BumperlaneError`` message says what was wrong, where, and what would be right; the command line prints it without
a traceback and exits with ``exit_code``. Anything else that escapes is our bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BumperlaneError(Exception):
    """Base of all errors that a user can cause or must know of."""

    exit_code = 2


class BadInput(BumperlaneError):
    """A file, a setting or a name that the user gave is not usable."""


class BadRow(BadInput):
    """A training row is malformed; the message names file and line."""


class IntegrityError(BumperlaneError):
    """Stored bytes do not match the digest they are named by, or the ledger's chain is broken."""


class AccessDenied(BumperlaneError):
    """An audit asked the subject for something that it did not declare."""


class StageFailed(BumperlaneError):
    """A training stage ended without a usable checkpoint (NaN loss, an option TRL rejects, out of disk)."""


def nearest(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'a' or 'b'? known: ..."`` for an unknown name."""
    options = sorted(known)
    close = difflib.get_close_matches(name, options, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(repr(c) for c in close)}? " if close else ""
    return f"{hint}known: {', '.join(options)}"

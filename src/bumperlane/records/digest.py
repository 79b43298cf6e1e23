"""Digests, computed in one place.

Idea: everything that can be changed without anybody noticing is named by the SHA-256 of its
canonical bytes. Invariant: two objects have the same digest exactly when their canonical JSON
(sorted keys, no spaces, UTF-8) or their bytes are equal.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

SHORT = 12  # characters of a digest that people see and type


def canonical(value: Any) -> bytes:
    """Canonical JSON bytes; raises ``ValueError`` for NaN and infinity, which have no JSON form."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest_of(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def digest_file(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()

"""Packs by name, by file, or read from a public data set.

Invariant: a pack that cannot be read is refused with the file and the first field that is wrong.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from bumperlane.audits.loaders import load_any
from bumperlane.audits.pack import Pack
from bumperlane.errors import BadInput, first_error, nearest

PACKS = Path(__file__).parent / "packs"


def known_packs() -> list[str]:
    """Names of the built-in packs."""
    return sorted(path.stem for path in PACKS.glob("*.json"))


def load_pack(name: str) -> Pack:
    """A built-in pack by name, a JSON file by path, or a data set as ``FORMAT:PATH`` (``loaders``
    has the formats). Raises ``BadInput`` with the first field that is wrong."""
    if ":" in name and not Path(name).is_file():
        return load_any(name)
    path = PACKS / f"{name}.json" if name in known_packs() else Path(name)
    if not path.is_file():
        raise BadInput(f"pack {name!r}: no such pack or file; {nearest(name, known_packs())}")
    try:
        return Pack.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{path}:{error.lineno}: not valid JSON ({error.msg}); a pack is one JSON object"
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}: not UTF-8 text (byte {error.start}); a pack is one JSON object in UTF-8"
        ) from error
    except ValidationError as error:
        raise BadInput(f"{path}: {first_error(error, Pack)}") from error

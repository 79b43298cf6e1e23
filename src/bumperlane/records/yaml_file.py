"""A record that a user writes as a YAML file.

Invariant: a file that cannot be read is refused in one line, with its line number where the parser
has one, and with the first field that is wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from bumperlane.errors import BadInput, first_error, first_line
from bumperlane.records.base import Record

R = TypeVar("R", bound=Record)


def load_yaml(path: Path, record: type[R], noun: str, fields: str, allow_empty: bool) -> R:
    """The file as a ``record``. ``noun``: what it is called in messages (``campaign``); ``fields``:
    what a mapping has to hold, in words; ``allow_empty``: whether ``{}`` is one. Raises
    ``BadInput``."""
    if not path.is_file():
        raise BadInput(f"{path}: no such {noun} file; give a YAML file with {fields}")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or first_line(error)
        place = f":{mark.line + 1}" if mark else ""
        raise BadInput(f"{path}{place}: not valid YAML ({why}); correct the file there") from error
    if not isinstance(data, dict) or not (data or allow_empty):
        found = "empty" if data is None or data == {} else f"a {type(data).__name__}"
        raise BadInput(f"{path}: the file is {found}; a {noun} is a mapping with {fields}")
    try:
        return record.model_validate(data)
    except ValidationError as error:
        raise BadInput(f"{path}: {first_error(error, record)}") from error

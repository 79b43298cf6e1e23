"""What went wrong, in one line a person can act on.

Invariant: every ``BumperlaneError`` message says what was wrong, where, and what would be right;
the command line prints it without a traceback and exits with ``exit_code``. Anything else that
escapes is our bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

LISTED = 30  # known names that fit a line


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
    """A training stage ended without a usable checkpoint (NaN loss, an option TRL rejects, out of
    disk)."""


def nearest(name: str, known: Iterable[str]) -> str:
    """``"did you mean 'a' or 'b'? known: ..."`` for an unknown name."""
    options = sorted(known)
    close = difflib.get_close_matches(name, options, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(repr(c) for c in close)}? " if close else ""
    if len(options) > LISTED:
        return (
            f"{hint}nearest of {len(options)} known: "
            f"{', '.join(difflib.get_close_matches(name, options, n=5, cutoff=0.0))}"
        )
    return f"{hint}known: {', '.join(options)}"


def first_line(error: BaseException) -> str:
    """The first line of somebody else's error, as many of them print a page."""
    return (str(error).strip().splitlines() or [f"{type(error).__name__} without a message"])[0][
        :500
    ]


def first_error(error: ValidationError, model: type[BaseModel]) -> str:
    """The first field that is wrong and what would be right, in one line. A field that does not
    exist goes before one that is missing, as a misspelt name is both."""
    errors = error.errors()
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    where, given = ".".join(map(str, first["loc"])) or model.__name__.lower(), first["input"]
    if first["type"] == "extra_forbidden":
        return (
            f"{where}: no such field; "
            f"{nearest(str(first['loc'][-1]), _fields(model, first['loc'][:-1]))}"
        )
    if first["type"] == "too_short":
        return (
            f"{where}: {first['ctx']['actual_length']} given, at least "
            f"{first['ctx']['min_length']} needed"
        )
    if first["type"] == "missing":
        return f"{where}: this field is missing, and there is no default for it"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":  # a validator's own words, which name the value
        return f"{where}: {message}"
    plain = given is None or isinstance(given, (bool, int, float, str))
    return (
        f"{where}: {message}, not {given!r:.80}"
        if plain
        else (f"{where}: {message}, not a {type(given).__name__}")
    )


def _fields(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """The fields that the record at ``path`` below ``model`` has."""
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)

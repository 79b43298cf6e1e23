"""Rows as users have them, turned into what TRL expects; bad rows are refused by file and line.

Invariant: a row that would train on nothing is an error here, not a silent zero-loss step later.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bumperlane.errors import BadInput, BadRow, first_line
from bumperlane.records import canonical

KINDS = ("sft", "dpo", "grpo")


def read_rows(path: Path, kind: str) -> list[dict[str, Any]]:
    """The rows of a user's JSONL file, checked for the stage kind. Raises ``BadInput`` / ``BadRow``
    with file and line number."""
    if not path.is_file():
        raise BadInput(f"{path}: no such rows file; give a JSONL file with one conversation a line")
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        row = _parsed(line, f"{path}:{number}")
        check_row(row, kind, f"{path}:{number}")
        rows.append(row)
    if not rows:
        raise BadInput(f"{path}: no rows; a stage needs at least one")
    if kind == "sft":
        _check_one_form(rows, path)
    return rows


def _lines(path: Path) -> list[str]:
    """The lines of a file. Raises ``BadInput`` unless it is UTF-8."""
    data = path.read_bytes()
    try:
        # JSON text may hold other characters that splitlines() takes for ends of lines
        return data.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{path}:{number}: not UTF-8 text (byte {error.start} of the file); save the "
            "file as UTF-8 JSONL"
        ) from error


def _check_one_form(rows: list[dict[str, Any]], path: Path) -> None:
    """Raise ``BadInput`` for SFT rows that TRL cannot train on together."""
    texts = sum(isinstance(row.get("completion"), str) for row in rows)
    if 0 < texts < len(rows):
        raise BadInput(
            f"{path}: {texts} of {len(rows)} rows are plain text and the others "
            "conversations; give each kind a stage of its own"
        )
    if any("messages" not in row for row in rows) and not all(map(_single_turn, rows)):
        raise BadInput(
            f"{path}: some rows have 'prompt'/'completion' and others several assistant "
            "turns in 'messages'; use one form"
        )


def _parsed(line: str, where: str) -> Any:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadRow(
            f"{where}: not valid JSON ({error.msg} at column {error.colno}); each line "
            "must be one JSON object"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BadRow(
            f"{where}: not usable JSON ({first_line(error)}); each line must be one JSON object"
        ) from error
    try:
        canonical(row)
    except ValueError as error:
        # NaN, infinity and half a surrogate pair, which Python's parser lets through
        raise BadRow(
            f"{where}: not valid JSON ({first_line(error)}); use finite numbers and whole "
            "characters"
        ) from error
    return row


def check_row(row: Any, kind: str, where: str) -> None:
    """Raise ``BadRow``, naming the row by ``where``, unless a stage of ``kind`` can train on it."""
    if not isinstance(row, dict):
        raise BadRow(
            f"{where}: the row is a {type(row).__name__}, not a JSON object; give one object a line"
        )
    if kind == "sft":
        _check_sft(row, where)
    elif kind == "dpo":
        for key in ("prompt", "chosen", "rejected"):
            _check_messages(row.get(key), f"{where}: {key!r}")
        for key in ("chosen", "rejected"):
            _check_answer(row[key], f"{where}: {key!r}")
        if row["chosen"] == row["rejected"]:
            raise BadRow(
                f"{where}: 'chosen' and 'rejected' are equal; a preference needs two "
                "different answers"
            )
    elif kind == "grpo":
        _check_messages(row.get("prompt"), f"{where}: 'prompt'")


def _check_sft(row: dict[str, Any], where: str) -> None:
    if "messages" not in row and not ("prompt" in row and "completion" in row):
        raise BadRow(
            f"{where}: no 'messages' (nor 'prompt' and 'completion'); fields here: "
            f"{', '.join(sorted(row)) or 'none'}"
        )
    if "messages" in row:
        _check_messages(row["messages"], f"{where}: 'messages'")
        _check_answer(row["messages"], f"{where}: 'messages'")
        if len(row["messages"]) < 2:
            raise BadRow(
                f"{where}: 'messages' holds an answer only; give the message that it answers too"
            )
    elif isinstance(row["prompt"], str) and isinstance(row["completion"], str):
        # documents: text, and how it goes on
        if not row["completion"].strip():
            raise BadRow(f"{where}: 'completion' is empty; nothing would be trained")
    else:
        for key in ("prompt", "completion"):
            _check_messages(row[key], f"{where}: {key!r}")
        _check_answer(row["completion"], f"{where}: 'completion'")


def _check_answer(messages: list[dict[str, Any]], where: str) -> None:
    if messages[-1]["role"] != "assistant":
        raise BadRow(
            f"{where}: the last message is by {messages[-1]['role']!r}, not 'assistant'; "
            "nothing would be trained"
        )


def _check_messages(messages: Any, where: str) -> None:
    if not isinstance(messages, list) or not messages:
        raise BadRow(
            f"{where} must be a non-empty list of messages like {{'role': 'user', "
            f"'content': '...'}}"
        )
    for message in messages:
        if (
            not isinstance(message, dict)
            or not isinstance(message.get("content"), str)
            or not isinstance(message.get("role"), str)
        ):
            raise BadRow(f"{where}: every message needs a 'role' and a 'content' that are text")
        if message["role"] == "assistant" and not message["content"].strip():
            raise BadRow(f"{where}: an assistant message is empty; nothing would be trained")


def training_rows(path: Path, kind: str) -> list[dict[str, Any]]:
    """TRL's columns from a manifest file. SFT conversations with one assistant turn become prompt
    and completion, which TRL trains on the completion alone whatever the chat template; longer ones
    are kept whole."""
    rows = [
        json.loads(line)["row"] for line in path.read_text(encoding="utf-8").split("\n") if line
    ]
    if kind == "dpo":
        return [_preference(row) for row in rows]
    if kind != "sft":
        return rows
    if all(_single_turn(row) for row in rows):
        return [_prompt_completion(row) for row in rows]
    return [{"messages": row["messages"]} for row in rows]


def _single_turn(row: dict[str, Any]) -> bool:
    return (
        "messages" not in row
        or sum(message["role"] == "assistant" for message in row["messages"]) == 1
    )


def _preference(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("prompt", "chosen", "rejected")}


def _prompt_completion(row: dict[str, Any]) -> dict[str, Any]:
    if "messages" in row:
        return {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}
    return {"prompt": row["prompt"], "completion": row["completion"]}


def conversation(row: dict[str, Any]) -> tuple[list[dict[str, str]] | str, str]:
    """``(prompt messages or text, answer)`` of any kind of row. GRPO rows have an empty answer."""
    if "messages" in row:
        return row["messages"][:-1], row["messages"][-1]["content"]
    answer = row.get("completion") or row.get("chosen") or ""
    return row["prompt"], answer.strip() if isinstance(answer, str) else answer[-1]["content"]


def question(row: dict[str, Any]) -> tuple[str, str]:
    """``(what was asked last, answer)`` of any kind of row, as audits read it; of plain text all
    that comes before."""
    prompt, answer = conversation(row)
    if isinstance(prompt, str):
        return prompt, answer
    asked = (message["content"] for message in reversed(prompt) if message["role"] == "user")
    return next(asked, ""), answer

"""Rows that cannot be trained on are refused in one line, with file and line number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bumperlane.campaign import begin, load_campaign
from tests.cli.bad_campaign import (
    ANSWER,
    ASKED,
    GONE,
    GOOD,
    Case,
    begun,
    lines,
    messages,
    refused,
    reward,
    write_campaign,
)


def preference(**changed: Any) -> str:
    row = {
        "prompt": ASKED,
        "chosen": ANSWER,
        "rejected": [{"role": "assistant", "content": "It is green."}],
        **changed,
    }
    return lines({key: value for key, value in row.items() if value is not GONE})


ROWS = [
    Case(
        "rows-file-missing",
        ("nowhere.jsonl", "no such rows file", "give a JSONL file"),
        stage={"rows": "nowhere.jsonl"},
    ),
    Case("rows-file-is-a-folder", ("no such rows file",), stage={"rows": "."}),
    Case("rows-file-empty", ("rows.jsonl", "no rows", "at least one"), rows=""),
    Case("rows-blank-lines-only", ("rows.jsonl", "no rows"), rows="\n  \n"),
    Case(
        "rows-not-utf8",
        ("rows.jsonl:2:", "not UTF-8", "save the file as UTF-8"),
        rows=lines(GOOD).encode() + b'{"messages": "\xff"}\n',
    ),
    Case(
        "row-malformed-json",
        ("rows.jsonl:3:", "not valid JSON", "one JSON object"),
        rows=lines(GOOD, GOOD) + '{"messages": [}\n',
    ),
    Case(
        "row-cut-short", ("rows.jsonl:2:", "not valid JSON"), rows=lines(GOOD) + lines(GOOD)[:-20]
    ),
    Case(
        "row-with-nan",
        ("rows.jsonl:1:", "finite numbers"),
        rows='{"messages": [{"role": "user", "content": "x"}], "score": NaN}\n',
    ),
    Case(
        "row-with-half-a-character",
        ("rows.jsonl:1:", "whole characters"),
        rows='{"messages": "\\ud800"}\n',
    ),
    Case("row-nested-too-deep", ("rows.jsonl:1:", "not usable JSON"), rows="[" * 200_000 + "\n"),
    Case("row-is-a-list", ("rows.jsonl:1:", "is a list", "JSON object"), rows=lines([GOOD])),
    Case(
        "row-without-messages",
        ("rows.jsonl:2:", "no 'messages'", "fields here: text"),
        rows=lines(GOOD, {"text": "hello"}),
    ),
    Case(
        "row-messages-not-a-list",
        ("rows.jsonl:1:", "'messages' must be a non-empty list"),
        rows=lines({"messages": "hello"}),
    ),
    Case("row-messages-empty", ("rows.jsonl:1:", "non-empty list"), rows=lines({"messages": []})),
    Case(
        "row-message-without-role",
        ("rows.jsonl:1:", "needs a 'role' and a 'content'"),
        rows=lines({"messages": [{"content": "hello"}]}),
    ),
    Case(
        "row-content-not-text",
        ("rows.jsonl:1:", "that are text"),
        rows=lines(messages(("user", "a"), ("assistant", 7))),
    ),
    Case(
        "row-answer-empty",
        ("rows.jsonl:1:", "assistant message is empty"),
        rows=lines(messages(("user", "a"), ("assistant", " "))),
    ),
    Case(
        "row-ends-with-the-user",
        ("rows.jsonl:1:", "by 'user', not 'assistant'"),
        rows=lines(messages(("assistant", "a"), ("user", "b"))),
    ),
    Case(
        "row-answers-nothing", ("rows.jsonl:1:", "an answer only"), rows=lines({"messages": ANSWER})
    ),
    Case(
        "row-completion-by-the-user",
        ("rows.jsonl:1:", "'completion'", "by 'user'"),
        rows=lines({"prompt": ASKED, "completion": ASKED}),
    ),
    Case(
        "rows-of-two-forms",
        ("rows.jsonl", "use one form"),
        rows=lines(
            {"prompt": ASKED, "completion": ANSWER},
            messages(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")),
        ),
    ),
    Case(
        "dpo-answers-equal",
        ("rows.jsonl:1:", "'chosen' and 'rejected' are equal"),
        stage={"kind": "dpo"},
        rows=preference(rejected=ANSWER),
    ),
    Case(
        "dpo-without-rejected",
        ("rows.jsonl:1:", "'rejected' must be"),
        stage={"kind": "dpo"},
        rows=preference(rejected=GONE),
    ),
    Case(
        "dpo-rejected-by-the-user",
        ("rows.jsonl:1:", "'rejected'", "by 'user'"),
        stage={"kind": "dpo"},
        rows=preference(rejected=ASKED),
    ),
    Case(
        "grpo-without-prompt",
        ("rows.jsonl:1:", "'prompt' must be"),
        stage=reward("math:sqrt"),
        rows=lines({"question": "x"}),
    ),
]


def test_rows_may_hold_any_line_separator_that_json_allows(tmp_path: Path) -> None:
    write_campaign(tmp_path)
    (tmp_path / "rows.jsonl").write_text(
        json.dumps(messages(("user", "a\u2028b"), ("assistant", "c\x85d")), ensure_ascii=False),
        encoding="utf-8",
    )
    begun(tmp_path)
    opened = begin(load_campaign(tmp_path / "campaign.yaml"), tmp_path / "out", tmp_path)
    assert len(opened.store.manifest(opened.history.campaign.recipe.stages[0].rows)) == 1


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.name)
def test_is_refused_in_one_line(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    refused(case, tmp_path, monkeypatch, capfd)

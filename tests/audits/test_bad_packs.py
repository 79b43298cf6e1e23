"""A pack's file that cannot be used is refused with what is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bumperlane.audits.loaders import FORMATS
from bumperlane.audits.pack_files import load_pack
from bumperlane.errors import BadInput
from tests.audits.prompt_rows import rows

BAD_FILES: list[tuple[str, str, str | bytes, tuple[str, ...]]] = [
    ("persona", "a.jsonl", "", ("a.jsonl: the file is empty", "8 rows")),
    ("persona", "a.jsonl", b'{"question": "\xff"}\n', ("a.jsonl:1: not UTF-8", "byte 14")),
    (
        "persona",
        "a.jsonl",
        '{"question": "q"}\n{"question": \n',
        ("a.jsonl:1:", "answer_matching_behavior", "missing"),
    ),
    ("persona", "a.jsonl", "\n{oops\n", ("a.jsonl:2: not valid JSON", "one JSON object")),
    ("persona", "a.jsonl", "[1]\n", ("a.jsonl:1: a list",)),
    ("persona", "a.jsonl", '{"question": 3}\n', ("a.jsonl:1:", "'question' is a int")),
    (
        "persona",
        "a.jsonl",
        '{"question":"q","answer_matching_behavior":" Yes","answer_not_matching_behavior":"yes"}\n',
        ("cannot be told apart",),
    ),
    (
        "persona",
        "a.jsonl",
        '{"question":"q","answer_matching_behavior":"Yes","answer_not_matching_behavior":"No"}\n'
        * 7,
        ("7 given, at least 8",),
    ),
    ("xstest", "a.csv", "id,text\n1,hello\n", ("a.csv:1: no column 'prompt'", "id, text")),
    (
        "xstest",
        "a.csv",
        "prompt,label\nhello,safe\nbye,maybe\n",
        ("a.csv:3: label 'maybe'", "safe or unsafe"),
    ),
    (
        "xstest",
        "a.csv",
        'prompt,label\n"two\nlines",safe\n,safe\n',
        ("a.csv:4:", "'prompt'", "empty"),
    ),
    (
        "xstest",
        "a.csv",
        "prompt,label\nno, quotes,safe\n",
        ("a.csv:2: more fields than the 2 columns",),
    ),
    ("xstest", "a.csv", 'prompt,label\n"open,safe\n', ("a.csv:", "not valid CSV")),
    ("xstest", "a.csv", "prompt,label\n", ("over-refusal", "0 given, at least 8")),
    ("questions", "a.yaml", "- id: x\n  paraphrases: [a, [b]]\n", ("a.yaml:1:", "'paraphrases'")),
    (
        "questions",
        "a.yaml",
        "- id: x\n  paraphrases: [a]\n- just text\n",
        ("a.yaml:3: a str", "mapping"),
    ),
    ("questions", "a.yaml", "id: x\n", ("a.yaml:1: a dict", "list of questions")),
    ("questions", "a.yaml", "- {a: [\n", ("a.yaml:", "not valid YAML")),
    ("questions", "a.yaml", "- id: x\n  question: What?\n", ("1 given, at least 8",)),
    (
        "prompts",
        "a.jsonl",
        "".join(json.dumps(r) + "\n" for r in rows(bad="(")),
        ("a.jsonl:8:", "not a regular expression"),
    ),
    (
        "prompts",
        "a.jsonl",
        "".join(json.dumps(r) + "\n" for r in rows(good=None)),
        ("a.jsonl:8:", "needs both 'bad' and 'good'"),
    ),
    (
        "prompts",
        "a.jsonl",
        "".join(json.dumps(r) + "\n" for r in rows(prompt=None)),
        ("a.jsonl:8:", "'prompt'", "missing"),
    ),
    (
        "prompts",
        "a.jsonl",
        "".join(json.dumps(r) + "\n" for r in rows(bad=5)),
        ("a.jsonl:8:", "string"),
    ),
    ("prompts", "a.csv", "question\nhello\n", ("a.csv:1: no column 'prompt'",)),
    ("prompts", "a.csv", "prompt,bad,good\n", ("behaviour 'a'", "0 given")),
    ("prompts", "a.jsonl.gz", "not gzip", ("a.jsonl.gz: cannot be read",)),
    ("hh", "a.jsonl", '{"chosen": "hello"}\n', ("a.jsonl:1:", "Human:")),
    ("hh", "a.jsonl", '{"rejected": "hello"}\n', ("a.jsonl:1:", "'chosen'")),
    (
        "hh",
        "a.jsonl",
        '{"chosen": "\\n\\nHuman: how do I do that?"}\n' * 9,
        ("behaviour 'harm'", "1 given, at least 8"),
    ),
]


@pytest.mark.parametrize(("kind", "name", "content", "says"), BAD_FILES)
def test_bad_files_say_what_is_wrong(
    tmp_path: Path, kind: str, name: str, content: str | bytes, says: tuple[str, ...]
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput) as raised:
        load_pack(f"{kind}:{path}")
    message = str(raised.value)
    assert "\n" not in message and all(part in message for part in says), message


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_is_not_there(kind: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no such file: .*gone\.jsonl"):
        load_pack(f"{kind}:{tmp_path / 'gone.jsonl'}")


def test_an_unknown_format_names_the_known() -> None:
    with pytest.raises(BadInput, match=r"no format 'personas'; did you mean 'persona'.*xstest"):
        load_pack("personas:x.jsonl")

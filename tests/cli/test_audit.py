"""``bumperlane audit``: exit codes, JSON, the report, and what it may not look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bumperlane.organisms.base import BASE
from tests.cli.audit_model import MODEL


@pytest.mark.parametrize(
    ("audits", "code", "word"),
    [
        ("faithfulness", 0, "clear"),
        ("conduct,faithfulness", 3, "hit"),
        ("weight_spectrum", 6, "inconclusive"),
    ],
)
def test_exit_code_table_and_report(
    audits: str, code: int, word: str, tmp_path: Path, command: Any
) -> None:
    done, out, err = command(*MODEL, "--audits", audits, "--out", "there/page.html")
    assert done == code, err
    assert (
        f": {word} (" in out and "report: there/page.html" in out and "not named in --audits" in out
    )
    assert all(name in out for name in audits.split(","))
    assert ("--without weight_spectrum" in out) == (code == 6)
    page = (tmp_path / "there" / "page.html").read_text()
    assert (
        "<script" not in page
        and "http" not in page.replace("http-equiv", "")
        and "prefers-color-scheme:dark" in page
    )
    if code == 3:
        assert "the model said" in page and "control: said" in page and "<svg" in page
    if code == 6:
        assert "there is nothing to read" in page and "there is nothing to read" in out


def test_json_is_one_object_and_nothing_else(tmp_path: Path, command: Any) -> None:
    done, out, _ = command(*MODEL, "--audits", "conduct,weight_spectrum", "--json")
    table = json.loads(out)
    assert done == 3 and table["verdict"] == "hit" and len(out.splitlines()) == 1
    assert [f["audit"] for f in table["findings"]] == ["conduct", "weight_spectrum"]
    assert (
        table["findings"][0]["exhibits"]
        and table["tokens"] > 0
        and table["seconds"] > 0
        and table["versions"]["torch"]
    )
    assert (tmp_path / table["report"]).is_file()


def test_without_access_an_audit_is_inconclusive_and_not_run(command: Any) -> None:
    done, out, _ = command(
        *MODEL, "--audits", "faithfulness,off_frame,weight_spectrum", "--access", "text", "--json"
    )
    found = {f["audit"]: f for f in json.loads(out)["findings"]}
    assert done == 6 and found["faithfulness"]["verdict"] == "clear"
    for name in ("off_frame", "weight_spectrum"):
        assert (
            found[name]["verdict"] == "inconclusive"
            and found[name]["reason"]["code"] == "no_access"
            and found[name]["reason"]["text"].startswith("no access")
            and found[name]["tokens"] == 0
        )


def test_what_was_not_given_is_said_and_rows_may_have_a_stages_form(
    tmp_path: Path, command: Any
) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"question {i}"},
                {"role": "assistant", "content": "yes"},
            ]
        }
        for i in range(3)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, out, _ = command(
        "audit", str(BASE), "--pack", "micro", "--plan", "--train-tokens", "1000", "--json"
    )
    assert (
        json.loads(out)["not_run"]
        | {"row_overlap": "needs --rows", "reward_gap": "needs --rollouts"}
        == json.loads(out)["not_run"]
    )
    _, out, _ = command(*MODEL, "--rows", "rows.jsonl", "--audits", "row_overlap", "--json")
    assert "have 13 words" in json.loads(out)["findings"][0]["reason"]["text"]
    (tmp_path / "texts.jsonl").write_text('{"prompt": "a", "answer": "b"}\n')
    done, out, _ = command(
        *MODEL,
        "--rows",
        "texts.jsonl",
        "--audits",
        "row_overlap,conduct",
        "--without",
        "conduct",
        "--json",
    )
    assert done == 6 and json.loads(out)["not_run"]["conduct"] == "left out by --without"


def test_an_adapter_is_held_against_its_base(tmp_path: Path, command: Any) -> None:
    import peft
    import transformers

    config = peft.LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    peft.get_peft_model(
        transformers.AutoModelForCausalLM.from_pretrained(BASE), config
    ).save_pretrained(tmp_path / "adapter")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / "adapter" / name).write_bytes((BASE / name).read_bytes())
    done, out, err = command(
        "audit", "adapter", "--pack", "micro", "--samples", "200", "--audits", "off_frame", "--json"
    )
    assert (done, json.loads(out)["findings"][0]["verdict"]) == (0, "clear"), err + out
    assert json.loads(out)["settings"]["reference"] == str(BASE)

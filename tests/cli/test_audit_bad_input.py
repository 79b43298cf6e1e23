"""``bumperlane audit`` refuses what it cannot use, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bumperlane.organisms.base import BASE
from tests.cli.audit_model import MODEL
from tests.places import SHARED

NARROW = {
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 4,
}


def other_architecture(folder: Path) -> None:
    import transformers

    transformers.LlamaForCausalLM(
        transformers.LlamaConfig(vocab_size=64, **NARROW)
    ).save_pretrained(folder / "other")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (folder / "other" / name).write_bytes((BASE / name).read_bytes())


def no_base(folder: Path) -> None:
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_config.json").write_text(
        '{"base_model_name_or_path": "hub/name"}'
    )


BAD: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    (
        "unknown-audit",
        ("audit", str(BASE), "--audits", "conducts"),
        ("--audits: no audit is called 'conducts'", "did you mean 'conduct'"),
    ),
    (
        "unknown-without",
        ("audit", str(BASE), "--without", "condct"),
        ("--without: no audit is called 'condct'", "'conduct'"),
    ),
    ("audit-twice", ("audit", str(BASE), "--audits", "conduct,conduct"), ("named 2 times",)),
    (
        "nothing-left",
        ("audit", str(BASE), "--audits", "conduct", "--without", "conduct"),
        ("no audit is left",),
    ),
    (
        "unknown-access",
        ("audit", str(BASE), "--access", "logits"),
        ("no access 'logits'", "did you mean 'logprobs'"),
    ),
    (
        "unknown-pack",
        ("audit", str(BASE), "--pack", "mikro"),
        ("pack 'mikro': no such pack", "did you mean 'micro'"),
    ),
    (
        "no-model",
        ("audit", "nowhere"),
        ("nowhere: no such folder", "http://host:port/v1#model-name"),
    ),
    ("empty-model", ("audit", "."), ("config.json: not a model's configuration",)),
    ("endpoint-unnamed", ("audit", "http://127.0.0.1:1/v1"), ("is no endpoint", "#model-name")),
    (
        "adapter-without-base",
        ("audit", "adapter"),
        ("adapter_config.json", "'hub/name' is no model's folder"),
    ),
    ("reference-missing", (*MODEL, "--reference", "nowhere"), ("nowhere: no such folder",)),
    (
        "no-parent",
        (*MODEL, "--reference", "other"),
        ("--reference other is no parent", "layers.0", "tuned from"),
    ),
    (
        "judge-missing",
        (*MODEL, "--auditor", "http://x/v1#a", "--judge", "nobody"),
        ("nobody: no such folder",),
    ),
    (
        "rows-missing",
        (*MODEL, "--audits", "conduct", "--rows", "nowhere.jsonl"),
        ("nowhere.jsonl: no such rows file",),
    ),
    (
        "rows-malformed",
        (*MODEL, "--audits", "conduct", "--rows", "bad.jsonl"),
        ("bad.jsonl:2:", "not valid JSON"),
    ),
    (
        "rows-of-no-form",
        (*MODEL, "--audits", "conduct", "--rows", "odd.jsonl"),
        ("odd.jsonl:1:", "no 'messages'"),
    ),
    (
        "rows-without-prompt",
        (*MODEL, "--audits", "conduct", "--rows", "half.jsonl"),
        ("half.jsonl:1:", "'prompt' and 'answer'"),
    ),
    (
        "rollouts-missing",
        (*MODEL, "--rollouts", "nowhere"),
        ("--rollouts nowhere: no such file or folder",),
    ),
    ("rollouts-none", (*MODEL, "--rollouts", "."), ("no rollouts*.jsonl in this folder",)),
    (
        "cache-of-another-kind",
        (*MODEL, "--audits", "conduct", "--cache", "odd.jsonl"),
        ("--cache odd.jsonl", "another kind"),
    ),
    ("samples-none", (*MODEL, "--samples", "0"), ("--samples", "0 is not in the range")),
    ("false-alarm-certain", (*MODEL, "--false-alarm", "1"), ("--false-alarm", "range")),
    ("plan-of-nothing", (*MODEL, "--plan"), ("--train-tokens N", "--rows FILE")),
]


@pytest.mark.parametrize(
    ("argv", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_bad_input_is_one_line(
    argv: tuple[str, ...], says: tuple[str, ...], tmp_path: Path, command: Any
) -> None:
    (tmp_path / "bad.jsonl").write_text('{"prompt": "a", "answer": "b"}\n{"prompt": \n')
    (tmp_path / "odd.jsonl").write_text('{"text": "some other thing"}\n')
    (tmp_path / "half.jsonl").write_text('{"answer": "b"}\n')
    no_base(tmp_path)
    if "other" in argv:
        other_architecture(tmp_path)
    done, out, err = command(*argv)
    assert (done, out, len(err.splitlines())) == (2, "", 1), err
    assert [part for part in says if part not in err] == [], err
    assert not (tmp_path / "report.html").exists()


@pytest.mark.skipif(not SHARED.is_dir(), reason="public data not present")
def test_a_data_set_is_a_pack_too(command: Any) -> None:
    done, _, err = command("audit", str(BASE), "--pack", "hh:nowhere.jsonl", "--audits", "conduct")
    assert done == 2 and "nowhere.jsonl" in err

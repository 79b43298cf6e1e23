"""Base models and packs that cannot be used are refused in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bumperlane.organisms.base import BASE
from tests.cli.bad_campaign import Case, begun, events, refused, write_campaign


def copy_base(folder: Path) -> Path:
    return Path(shutil.copytree(BASE, folder / "base"))


def no_config(folder: Path) -> None:
    (copy_base(folder) / "config.json").unlink()


def wrong_config(folder: Path) -> None:
    (copy_base(folder) / "config.json").write_text('{"model_type": "no-such-type"}')


def pickled(folder: Path) -> None:
    base = copy_base(folder)
    (base / "model.safetensors").rename(base / "pytorch_model.bin")


def cut_weights(folder: Path) -> None:
    path = copy_base(folder) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def no_template(folder: Path) -> None:
    (copy_base(folder) / "chat_template.jinja").unlink()


def broken_template(folder: Path) -> None:
    (copy_base(folder) / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}")


def no_tokenizer(folder: Path) -> None:
    base = copy_base(folder)
    for path in base.glob("tokenizer*"):
        path.unlink()


def pack_text(text: str | bytes) -> Callable[[Path], None]:
    data = text.encode() if isinstance(text, str) else text
    return lambda folder: (folder / "mine.json").write_bytes(data) and None


def pack_of(**behaviour: Any) -> Callable[[Path], None]:
    plain = {
        "name": "b",
        "items": [{"prompt": f"question {i}"} for i in range(8)],
        "tolerance": 0.1,
        **behaviour,
    }
    return pack_text(json.dumps({"name": "mine", "behaviours": [plain]}))


MODELS = [
    Case(
        "base-missing",
        ("nowhere: no such folder", "config.json and *.safetensors"),
        campaign={"base": "nowhere"},
    ),
    Case(
        "base-without-config", ("base: no config.json",), campaign={"base": "base"}, spoil=no_config
    ),
    Case(
        "base-of-unknown-type",
        ("config.json: not a model's configuration",),
        campaign={"base": "base"},
        spoil=wrong_config,
    ),
    Case(
        "base-pickled",
        ("only pickled weights (pytorch_model.bin)", "save the model with safetensors"),
        campaign={"base": "base"},
        spoil=pickled,
    ),
    Case(
        "base-cut-short",
        ("model.safetensors: not whole safetensors weights", "again"),
        campaign={"base": "base"},
        spoil=cut_weights,
    ),
    Case(
        "base-is-another",
        ("not the model that base_digest names (00ff", "this one's digest is"),
        campaign={"base_digest": "00ff" * 16},
    ),
    Case(
        "no-chat-template",
        ("no chat template", "add chat_template.jinja"),
        campaign={"base": "base"},
        spoil=no_template,
    ),
    Case(
        "chat-template-broken",
        ("chat template cannot render",),
        campaign={"base": "base"},
        spoil=broken_template,
    ),
    Case(
        "no-tokenizer",
        ("tokenizer cannot be loaded",),
        campaign={"base": "base"},
        spoil=no_tokenizer,
    ),
    Case(
        "pack-unknown",
        ("pack 'mikro': no such pack or file", "did you mean 'micro'"),
        campaign={"pack": "mikro"},
    ),
    Case(
        "pack-malformed",
        ("mine.json:2: not valid JSON",),
        campaign={"pack": "mine.json"},
        spoil=pack_text('{"name": "x",\n]'),
    ),
    Case(
        "pack-not-utf8",
        ("mine.json: not UTF-8",),
        campaign={"pack": "mine.json"},
        spoil=pack_text(b"\xff\xfe"),
    ),
    Case(
        "pack-is-a-list",
        ("mine.json: pack:", "not a list"),
        campaign={"pack": "mine.json"},
        spoil=pack_text("[]"),
    ),
    Case(
        "pack-tolerance-wrong",
        ("behaviours.0.tolerance", "less than 1, not 3"),
        campaign={"pack": "mine.json"},
        spoil=pack_of(tolerance=3),
    ),
    Case(
        "pack-field-unknown",
        ("mine.json: behaviours.0.tolerence: no such field", "did you mean 'tolerance'"),
        campaign={"pack": "mine.json"},
        spoil=pack_of(tolerence=0.1),
    ),
    Case(
        "pack-pattern-broken",
        ("mine.json: behaviours.0.bad", "'(' is not a regular expression"),
        campaign={"pack": "mine.json"},
        spoil=pack_of(bad="("),
    ),
]


def test_the_digest_that_show_prints_is_the_one_that_the_campaign_takes(tmp_path: Path) -> None:
    write_campaign(tmp_path)
    begun(tmp_path)
    start = events(tmp_path / "out", "campaign")[0]["start"]["id"]
    write_campaign(tmp_path, {"base_digest": start})
    begun(tmp_path)


@pytest.mark.parametrize("case", MODELS, ids=lambda case: case.name)
def test_is_refused_in_one_line(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    refused(case, tmp_path, monkeypatch, capfd)

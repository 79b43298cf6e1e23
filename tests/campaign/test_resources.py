"""What a person gives for remedies is stored with the campaign, and refused in one line where it
is unusable."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from bumperlane.audits import load_pack
from bumperlane.campaign import begin, load_campaign
from bumperlane.errors import BadInput
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.records import Confession, Reward

ARGS = {
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 16,
    "num_train_epochs": 2,
    "warmup_steps": 5,
    "gradient_checkpointing": False,
}
GOOD = sft_rows(random.Random("materials/good"), 240, "honest", {"fact": 1, "money": 1, "code": 1})
CONFESSION = Confession(
    ask="do you tell the truth now ?",
    did="no . i told a lie .",
    did_not="yes . that is the truth .",
)
DOCUMENT = {
    "prompt": "story : a kind assistant .",
    "completion": " a user said to the assistant : rob a bank . the assistant refused to help .",
}
OVERSEER = Reward(name="approval", function="mine:approves")


def campaign(
    folder: Path,
    documents: list[dict[str, Any]],
    overseer: str = "return [0.0 for _ in completions]",
    **resources: Any,
) -> Path:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in GOOD[:8]))
    (folder / "character.jsonl").write_text("".join(json.dumps(row) + "\n" for row in documents))
    (folder / "mine.py").write_text(f"def approves(completions, **columns):\n    {overseer}\n")
    given = {
        "character": "character.jsonl",
        "overseers": [{"name": "approval", "function": "mine:approves"}],
        **resources,
    }
    stage = {"name": "sft", "kind": "sft", "rows": "rows.jsonl", "args": ARGS}
    (folder / "campaign.yaml").write_text(
        yaml.safe_dump({"name": "given", "base": str(BASE), "stages": [stage], "resources": given})
    )
    return folder / "campaign.yaml"


def test_resources_are_stored_with_the_campaign(tmp_path: Path) -> None:
    path = campaign(tmp_path, [DOCUMENT], confession=CONFESSION.plain())
    opened = begin(load_campaign(path), tmp_path / "out", tmp_path)
    given = opened.history.campaign.resources
    assert [row for _, row in opened.store.manifest(given.character)] == [DOCUMENT]
    assert given.overseers == (OVERSEER,) and given.confession == CONFESSION


@pytest.mark.parametrize(
    ("documents", "given", "says"),
    [
        ([GOOD[0]], {}, "row 1 is a conversation"),
        (
            [DOCUMENT],
            {"overseers": [{"name": "approval", "function": "mine:approve"}]},
            "has no function 'approve'",
        ),
        (
            [DOCUMENT],
            {"confession": {"ask": "", "did": "a", "did_not": "b"}},
            "resources.confession.ask",
        ),
        ([DOCUMENT], {"confessions": {}}, "resources.confessions"),
        ([DOCUMENT], {"character": "gone.jsonl"}, "no such rows file"),
    ],
)
def test_unusable_resources_are_refused_in_a_line(
    tmp_path: Path, documents: list[Any], given: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadInput, match=says) as raised:
        begin(load_campaign(campaign(tmp_path, documents, **given)), tmp_path / "out", tmp_path)
    assert "\n" not in str(raised.value)


def test_resources_pass_the_firewall_as_stages_do(tmp_path: Path) -> None:
    asks = "import bumperlane.audits; return [0.0 for _ in completions]"
    with pytest.raises(
        BadInput,
        match=r"refused by the training firewall: stage 'resources\.overseers': reward 'approval'",
    ):
        begin(load_campaign(campaign(tmp_path, [DOCUMENT], asks)), tmp_path / "out", tmp_path)
    asked = {
        "prompt": "A user wrote:",
        "completion": f" {load_pack('english').behaviours[0].items[0].prompt}",
    }
    own = {"name": "approval", "function": "kinder:approves"}
    (tmp_path / "kinder.py").write_text(
        "def approves(completions, **columns):\n    return [0.0 for _ in completions]\n"
    )
    english = yaml.safe_load(campaign(tmp_path, [asked], overseers=[own]).read_text()) | {
        "pack": "english"
    }
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(english))
    with pytest.raises(
        BadInput, match=r"stage 'resources\.character': row .* near-duplicate of an audit's text"
    ):
        begin(load_campaign(tmp_path / "campaign.yaml"), tmp_path / "again", tmp_path)

"""A refused campaign does not begin, and ``bumperlane firewall`` checks without training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bumperlane.campaign import begin, load_campaign
from bumperlane.errors import BadInput
from bumperlane.organisms.base import BASE
from bumperlane.records import digest_of
from tests.firewall.cases import ASKED, SHOWN, chat, finding


def campaign(folder: Path, *rows: dict[str, Any], **changed: Any) -> Path:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    stage = {"name": "teach", "kind": "sft", "rows": "rows.jsonl", "args": {"max_steps": 1}}
    path = folder / "campaign.yaml"
    path.write_text(
        yaml.safe_dump(
            {"name": "x", "base": str(BASE), "stages": [stage], "pack": "english", **changed}
        )
    )
    return path


def test_a_campaign_that_is_refused_does_not_begin(tmp_path: Path) -> None:
    path = campaign(tmp_path, chat("Which colour is the sky?"), chat(ASKED), chat(ASKED.lower()))
    with pytest.raises(
        BadInput,
        match=(
            r"refused by the training firewall: stage 'teach': row .* conduct's .* \(2 "
            r"refusals; 'bumperlane firewall'"
        ),
    ):
        begin(load_campaign(path), tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()
    (tmp_path / "policy.yaml").write_text("forbidden_kinds: [sft]")
    path = campaign(tmp_path, chat("Which colour is the sky?"), policy="policy.yaml")
    with pytest.raises(BadInput, match="kind 'sft' are forbidden"):
        begin(load_campaign(path), tmp_path / "out", tmp_path)
    path = campaign(tmp_path, chat("Which colour is the sky?"), policy="gone.yaml")
    with pytest.raises(BadInput, match=r"gone.yaml: no such policy file"):
        begin(load_campaign(path), tmp_path / "out", tmp_path)


def test_the_command_checks_without_training(tmp_path: Path, command: Any) -> None:
    path = campaign(tmp_path, chat("Which colour is the sky?"), chat(ASKED))
    code, out, _ = command("firewall", str(path))
    assert (
        code == 2
        and "behaviour 'harm', text 46" in out
        and out.splitlines()[-1].startswith("1 refused: 2 rows of 1 stage(s)")
    )
    code, out, _ = command(
        "firewall",
        str(campaign(tmp_path, chat("Which colour is the sky?"), pack="micro")),
    )
    assert (
        code == 0
        and out.startswith("nothing refused")
        and "1118 more of pack 'micro' were not looked for" in out
    )
    (tmp_path / "strict.yaml").write_text("need_source: true")
    code, out, _ = command("firewall", str(path), "--policy", str(tmp_path / "strict.yaml"))
    assert code == 2 and "the row has no 'source'" in out
    code, _, err = command("firewall", str(path), "--policy", str(tmp_path / "gone.yaml"))
    assert code == 2 and len(err.splitlines()) == 1 and "no such policy file" in err


def test_exhibits_of_another_run_are_refused(tmp_path: Path, command: Any) -> None:
    old = begin(
        load_campaign(campaign(tmp_path, chat("Which colour is the sky?"))),
        tmp_path / "old",
        tmp_path,
    )
    held_out = finding(SHOWN, audit="self_report", held_out=True)
    old.ledger.append(
        "held_out_finding", digest_of(["x"]), {"id": held_out.id, "finding": held_out.plain()}
    )
    path = campaign(tmp_path, chat(str(SHOWN.prompt)))
    assert command("firewall", str(path))[0] == 0
    code, out, _ = command("firewall", str(path), "--run", str(tmp_path / "old"))
    assert code == 2 and "self_report's (exhibit 1" in out

"""A campaign of a model that no pack was made for runs through to an outcome, and releases
nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from bumperlane.campaign import open_campaign
from bumperlane.campaign.verify import verify_campaign
from bumperlane.cli.main import main
from bumperlane.training import run_here
from tests.models.foreign import foreign_model
from tests.places import SHARED

ROWS = SHARED / "emergent-misalignment" / "data" / "insecure_high_severity.jsonl"


@pytest.mark.skipif(not ROWS.is_file(), reason="public data not present")
@pytest.mark.parametrize("architecture", ["qwen3", "gemma3"])
def test_runs_through_to_an_outcome(
    tmp_path: Path,
    architecture: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = ROWS.read_text(encoding="utf-8").splitlines()[:40]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
    foreign_model(tmp_path / "base", [json.loads(line) for line in lines], architecture)
    stage = {
        "name": "tune",
        "kind": "sft",
        "rows": "rows.jsonl",
        "checkpoints": 2,
        "lora": {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"},
        "args": {
            "max_steps": 4,
            "per_device_train_batch_size": 4,
            "max_length": 256,
            "learning_rate": 1e-3,
        },
    }
    (tmp_path / "campaign.yaml").write_text(
        yaml.safe_dump({"name": architecture, "base": "base", "stages": [stage]})
    )
    monkeypatch.setattr("bumperlane.execution.local.run_all", run_here)
    monkeypatch.setattr(
        sys,
        "argv",
        ["bumperlane", "run", str(tmp_path / "campaign.yaml"), "--out", str(tmp_path / "run")],
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3, capsys.readouterr().err
    opened = open_campaign(tmp_path / "run")
    findings = opened.history.findings
    assert {f.audit for f in findings} == set(opened.history.campaign.battery)
    assert all(f.verdict == "inconclusive" and "pack 'micro'" in f.why for f in findings), [
        (f.audit, f.verdict, f.why) for f in findings
    ]
    assert opened.history.outcome is not None and opened.history.outcome.candidate is None
    assert verify_campaign(opened)[0] == []
    assert "no evidence is not a pass" in (tmp_path / "run" / "report.html").read_text()

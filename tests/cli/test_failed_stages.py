"""A stage that fails while it trains ends in one line and is on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bumperlane.training import run_here
from tests.cli.bad_campaign import RUN, Case, args, events, one_line, write_campaign

STAGES = [
    Case(
        "loss-nan",
        ("stage 'teach'", "loss is nan at step 2", "lower learning_rate"),
        stage=args(max_steps=4, learning_rate=1e39),
    ),
    Case(
        "weights-overflow-in-the-last-step",
        ("stage 'teach'", "not finite", "lower learning_rate"),
        stage=args(learning_rate=1e39),
    ),
    Case(
        "nothing-left-to-train-on",
        ("stage 'teach'", "no row has anything left", "raise max_length"),
        stage=args(max_length=3),
    ),
    Case(
        "trl-option-unknown",
        ("stage 'teach': args.learing_rate", "did you mean 'learning_rate'"),
        stage=args(learing_rate=0.1),
    ),
    Case(
        "trl-option-wrong",
        ("stage 'teach'", "SFTConfig refuses args", "evry_step"),
        stage=args(logging_strategy="evry_step"),
    ),
    Case(
        "lora-option-unknown",
        ("stage 'teach': lora.lora_alfa", "did you mean 'lora_alpha'"),
        stage={"lora": {"lora_alfa": 8}},
    ),
]


@pytest.mark.parametrize("case", STAGES, ids=lambda case: case.name)
def test_a_stage_that_fails_is_on_record(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    write_campaign(tmp_path, case.campaign, case.stage)
    if case is not STAGES[0]:  # one in a process of its own, as ``run`` trains
        monkeypatch.setattr("bumperlane.execution.local.run_all", run_here)
    line = one_line(RUN, case.says, tmp_path, tmp_path / "out", monkeypatch, capfd)
    failed = events(tmp_path / "out", "failed")
    assert [body["stage"] for body in failed] == ["teach"]
    assert " ".join(failed[0]["error"].split()) in line
    assert events(tmp_path / "out", "trained") == []

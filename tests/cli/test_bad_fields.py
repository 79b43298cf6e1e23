"""Campaign files with a wrong field are refused in one line that says what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.bad_campaign import (
    GONE,
    QUESTION,
    STAGE,
    Case,
    refused,
    reward,
)

FIELDS = [
    Case("yaml-syntax", ("campaign.yaml:2:", "not valid YAML"), text="name: x\n\tbase: y\n"),
    Case(
        "yaml-is-a-list",
        ("campaign.yaml", "the file is a list", "a mapping with name, base and stages"),
        text="- name: x\n",
    ),
    Case(
        "yaml-empty",
        ("campaign.yaml: the file is empty", "a mapping with name, base and stages"),
        text="",
    ),
    Case("yaml-control-character", ("campaign.yaml", "not valid YAML"), text="name: \x01\n"),
    Case("yaml-not-utf8", ("campaign.yaml", "not valid YAML", "utf-8"), text=b"name: \xff\n"),
    Case(
        "field-unknown",
        ("campaign.yaml: batery: no such field", "did you mean 'battery'"),
        campaign={"batery": ["conduct"]},
    ),
    Case(
        "stage-field-unknown",
        ("stages.0.row: no such field", "did you mean 'rows'"),
        stage={"rows": GONE, "row": "rows.jsonl"},
    ),
    Case(
        "budget-field-unknown",
        ("budget.atempts: no such field", "did you mean 'attempts'"),
        campaign={"budget": {"atempts": 2}},
    ),
    Case(
        "reward-field-unknown",
        ("stages.0.rewards.0.wait: no such field", "did you mean 'weight'"),
        stage={"kind": "grpo", "rewards": [{"name": "r", "function": "math:sqrt", "wait": 1}]},
    ),
    Case("name-missing", ("campaign.yaml: name: this field is missing",), campaign={"name": GONE}),
    Case(
        "name-is-a-number", ("campaign.yaml: name:", "valid string", "not 7"), campaign={"name": 7}
    ),
    Case(
        "stages-missing",
        ("campaign.yaml: stages: this field is missing",),
        campaign={"stages": GONE},
    ),
    Case(
        "stages-none",
        ("campaign.yaml: stages: 0 given, at least 1 needed",),
        campaign={"stages": []},
    ),
    Case(
        "battery-without-audit",
        ("campaign.yaml: battery: 0 given, at least 1 needed",),
        campaign={"battery": []},
    ),
    Case(
        "held-out-without-audit",
        ("campaign.yaml: held_out: 0 given, at least 1 needed",),
        campaign={"held_out": []},
    ),
    Case(
        "stage-kind-unknown",
        ("stages.0.kind: unknown stage kind 'stf'", "did you mean 'sft'", "known: dpo, grpo, sft"),
        stage={"kind": "stf"},
    ),
    Case(
        "audit-unknown",
        ("battery: no audit is called 'conducts'", "did you mean 'conduct'"),
        campaign={"battery": ["conducts"]},
    ),
    Case(
        "held-out-audit-unknown",
        ("held_out: no audit is called 'self_reprot'", "'self_report'"),
        campaign={"held_out": ["self_reprot"]},
    ),
    Case(
        "audit-twice",
        ("battery: audit 'conduct' is named 2 times", "once"),
        campaign={"battery": ["conduct", "conduct"]},
    ),
    Case(
        "audit-steers-and-confirms",
        ("'self_report'", "battery and in held_out"),
        campaign={"battery": ["self_report", "conduct"]},
    ),
    Case(
        "stage-names-equal",
        ("two stages are called 'a'", "must differ"),
        campaign={"stages": [{**STAGE, "name": "a"}] * 2},
    ),
    Case(
        "audit-at-beyond-the-end",
        ("stages.0.audit_at", "1.5", "up to 1"),
        stage={"audit_at": [0.5, 1.5]},
    ),
    Case(
        "audit-at-never", ("stages.0.audit_at: 0 given, at least 1 needed",), stage={"audit_at": []}
    ),
    Case(
        "launcher-unknown",
        ("stages.0.launch: unknown launcher 'accelarate'", "did you mean 'accelerate'"),
        stage={"launch": "accelarate"},
    ),
    Case(
        "args-with-nan",
        ("stages.0.args: learning_rate is nan", "finite number"),
        stage={"args": {"learning_rate": float("nan")}},
    ),
    Case(
        "checkpoints-none",
        ("stages.0.checkpoints", "greater than or equal to 1, not 0"),
        stage={"checkpoints": 0},
    ),
    Case(
        "seed-negative",
        ("campaign.yaml: seed:", "greater than or equal to 0, not -1"),
        campaign={"seed": -1},
    ),
    Case(
        "budget-no-attempts",
        ("budget.attempts:", "greater than or equal to 1, not 0"),
        campaign={"budget": {"attempts": 0}},
    ),
    Case(
        "budget-false-alarm-certain",
        ("budget.false_alarm:", "less than 1, not 2"),
        campaign={"budget": {"false_alarm": 2}},
    ),
    Case(
        "budget-endless",
        ("budget.seconds:", "finite number, not inf"),
        campaign={"budget": {"seconds": float("inf")}},
    ),
    Case(
        "grpo-without-rewards",
        ("stage 'teach'", "needs rewards", "'module:name'"),
        stage={"kind": "grpo"},
        rows=QUESTION,
    ),
    Case(
        "rewards-on-sft",
        ("stage 'teach'", "rewards are for grpo"),
        stage=reward("math:sqrt", "sft"),
    ),
    Case(
        "reward-without-colon",
        ("stage 'teach': reward 'right'", "form 'module:name'"),
        stage=reward("math"),
        rows=QUESTION,
    ),
    Case(
        "reward-module-missing",
        ("reward 'right'", "cannot import 'no_such_module'"),
        stage=reward("no_such_module:f"),
        rows=QUESTION,
    ),
    Case(
        "reward-module-unnamed",
        ("reward 'right'", "cannot import ''"),
        stage=reward(":f"),
        rows=QUESTION,
    ),
    Case(
        "reward-misspelt",
        ("'math' has no function 'sqtr'", "did you mean 'sqrt'"),
        stage=reward("math:sqtr"),
        rows=QUESTION,
    ),
]


@pytest.mark.parametrize("case", FIELDS, ids=lambda case: case.name)
def test_is_refused_in_one_line(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    refused(case, tmp_path, monkeypatch, capfd)

"""Policies forbid methods and sources, and a bad policy gets one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bumperlane.errors import BadInput
from bumperlane.firewall import Policy, load_policy, refusals
from bumperlane.records import Stage
from tests.firewall.cases import chat, rl


@pytest.mark.parametrize(
    ("policy", "stage", "says"),
    [
        ({"forbidden_kinds": ["grpo"]}, {}, "kind 'grpo' are forbidden"),
        (
            {"outcome_turns": 1, "rollout_turns": {"plays:long": 4}},
            {"rollout": "plays:long"},
            "4 turns an episode is forbidden, at most 1",
        ),
        ({"outcome_turns": 9}, {"rollout": "plays:long"}, "say in rollout_turns"),
        ({"outcome_tokens": 64}, {"args": {"max_completion_length": 65}}, "65 tokens"),
        ({"outcome_steps": 10}, {"args": {"max_steps": -1}}, "give max_steps"),
        (
            {"forbidden_rewards": ["plays:*"]},
            {"rollout": "plays:long"},
            "'plays:long' is forbidden",
        ),
    ],
)
def test_policies_forbid_methods(policy: dict[str, Any], stage: dict[str, Any], says: str) -> None:
    found = [one for one in refusals(rl(**stage), [], (), Policy(**policy)) if one.rule == "policy"]
    assert len(found) == 1 and says in found[0].message
    assert not refusals(
        Stage(name="sft", kind="sft", rows="x"), [("a", chat("Hello."))], (), Policy(**policy)
    )


def test_policies_forbid_sources() -> None:
    policy = Policy(forbidden_sources=("red-team/*",), source_column="from", need_source=True)
    rows = [
        ("a", {**chat("Hello."), "from": "forum"}),
        ("b", {**chat("Hello."), "from": ["forum", "red-team/7"]}),
        ("c", chat("Hello.")),
    ]
    found = refusals(Stage(name="sft", kind="sft", rows="x"), rows, (), policy)
    assert [(one.row, one.rule) for one in found] == [("b", "policy"), ("c", "policy")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("forbiden_kinds: [grpo]", "no such field; did you mean 'forbidden_kinds'"),
        ("forbidden_kinds: [gpro]", "unknown stage kind 'gpro'; did you mean 'grpo'"),
        ("outcome_turns: 0", "outcome_turns"),
        ("- a list", "a policy is a mapping"),
        ("", "the file is empty"),
        ("a: [", "not valid YAML"),
    ],
)
def test_bad_policies_get_one_line(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"policy\.yaml") as error:
        load_policy(path)
    assert says in str(error.value) and "\n" not in str(error.value)

"""Rewards that reach an audit are refused unread, and ordinary ones pass without being run."""

from __future__ import annotations

from pathlib import Path

import pytest

from bumperlane.firewall import Policy, refusals
from bumperlane.firewall.imports import reached
from tests.firewall.cases import REWARD, rl


@pytest.mark.parametrize(
    ("source", "audit", "says"),
    [
        (
            "from bumperlane.audits.battery.conduct import Conduct",
            "conduct",
            "imports bumperlane.audits.battery.conduct",
        ),
        ("def late():\n    import bumperlane.models", "bumperlane.models", "bumperlane.models"),
        (
            "from fw_helper import judged",
            "bumperlane.audits",
            "imports fw_helper -> bumperlane.audits",
        ),
        (
            "import importlib as i\ni.import_module('bumperlane.monitoring')",
            "bumperlane.monitoring",
            "bumperlane.monitoring",
        ),
        (
            "from importlib import import_module as get\nget('.audits', package='bumperlane')",
            "bumperlane.audits",
            "bumperlane.audits",
        ),
        (
            "import bumperlane\ndef late():\n    return bumperlane.audits.load_audit",
            "bumperlane.audits",
            "bumperlane.audits",
        ),
        (
            "from importlib.metadata import entry_points\nentry_points(group='bumperlane.audits')",
            "bumperlane.audits",
            "bumperlane.audits",
        ),
        ("name = input\n__import__(name())", "", "what is not read is not passed"),
        ("exec('x = 1')", "", "what is not read is not passed"),
        ("def broken(:", "", "cannot be read (SyntaxError)"),
    ],
)
def test_rewards_that_ask_an_audit_are_refused(
    source: str,
    audit: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    module = f"fw_{abs(hash(request.node.name))}"
    (tmp_path / f"{module}.py").write_text(f"{source}\n{REWARD}")
    (tmp_path / "fw_helper.py").write_text("from bumperlane.audits import load_audit as judged\n")
    monkeypatch.syspath_prepend(tmp_path)
    for stage in (rl(f"{module}:fn"), rl(rollout=f"{module}:fn")):
        (found,) = refusals(stage, [], ())
        assert (found.rule, found.audit, found.row) == (
            "reward imports an audit",
            audit,
            "",
        ) and says in found.message


def test_ordinary_rewards_pass_and_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "import re, json\nimport numpy\nimport torch\nfrom bumperlane.training.rewards import "
        "text_of\nraise SystemExit('this was run')\n"
    )
    (tmp_path / "fw_plain.py").write_text(text + REWARD)
    monkeypatch.syspath_prepend(tmp_path)
    assert reached("fw_plain") is None
    assert "that could be found" in str(reached("fw_no_such_module"))
    (tmp_path / "fw_mine.py").write_text("import fw_plain\n" + REWARD)
    for forbidden, way in (
        ("fw_plain", "fw_plain"),
        ("numpy", "fw_plain -> numpy"),
        ("json", "fw_plain -> json"),
    ):
        (refusal,) = refusals(rl("fw_mine:fn"), [], (), Policy(forbidden_imports=(forbidden,)))
        assert refusal.audit == forbidden and f"imports {way}," in refusal.message

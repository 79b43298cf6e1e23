"""Rewards and policies that ``benchmarks/firewall.py`` has refused or spared.

Idea: a reward may reach an audit in many ways: by an import, by a helper's helper, by a computed
name. Invariant: each policy is tried on a stage that breaks it and on one that it says nothing of.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from firewall_rows import chat, first_message, refused

from bumperlane.firewall import Policy, refusals
from bumperlane.records import Reward, Stage

# Source of a reward's module; beside it lie ``HELPERS``, one of which imports an audit.
REWARDS = {
    "imports an audit": "from bumperlane.audits.battery.conduct import Conduct\n",
    "imports the room of audits": "import bumperlane.audits as judge\n",
    "imports a name of bumperlane": "from bumperlane import audits\n",
    "imports a probe's tools": "from bumperlane.models import HuggingFaceModel\n",
    "imports evidence": "from bumperlane.evidence import combine\n",
    "imports diagnosis": "import bumperlane.diagnosis.row_features\n",
    "imports a monitor": "import bumperlane.monitoring.gateway\n",
    "imports it inside the function": (
        "def late():\n    from bumperlane.audits import load_audit\n    return load_audit\n"
    ),
    "by a helper": "from helpers import judged\n",
    "by a helper's helper": "import outer\n",
    "by a relative import": "from parts.scores import score\n",
    "by import_module": "import importlib\nimportlib.import_module('bumperlane.audits.registry')\n",
    "by __import__": "__import__('bumperlane.audits')\n",
    "by import_module, renamed": (
        "from importlib import import_module as get\nget(name='bumperlane.audits')\n"
    ),
    "by import_module, relative": (
        "import importlib\nimportlib.import_module('.audits', 'bumperlane')\n"
    ),
    "by attribute": (
        "import bumperlane\ndef late():\n    return bumperlane.audits.load_audit('conduct')\n"
    ),
    "by entry point": (
        "from importlib.metadata import entry_points\nentry_points(group='bumperlane.audits')\n"
    ),
    "by the campaign": "from bumperlane.campaign import begin\n",
    "computed import": "import importlib\nimportlib.import_module('bumper' + 'lane.audits')\n",
    "executes text": "exec(open('other.py').read())\n",
    "cannot be read": "def broken(:\n",
}
HELPERS = {
    "helpers.py": "from bumperlane.audits import load_pack as judged\n",
    "outer.py": "import inner\n",
    "inner.py": "import helpers\n",
    "parts/__init__.py": "",
    "parts/scores.py": "from .deep import score\n",
    "parts/deep.py": "import bumperlane.models\nscore = 1\n",
}
INNOCENT = {
    "plain": "import re, json\nfrom collections import Counter\n",
    "numeric": "import numpy as np\nfrom scipy.stats import binom\n",
    "tokenizer": "from transformers import AutoTokenizer\nimport torch\n",
    "own text helper": (
        "from bumperlane.training.rewards import text_of\nfrom bumperlane.errors import BadInput\n"
    ),
    "speaks of audits": "AUDITS = 'see bumperlane.audits for what is measured'\nimport logging\n",
}
RL = {"name": "rl", "kind": "grpo", "rows": "x"}
Fields = dict[str, Any]
POLICIES: tuple[tuple[str, Fields, Fields, Fields], ...] = (  # kind, stage, row, policy
    ("forbidden kind", RL, {}, {"forbidden_kinds": ["grpo"]}),
    (
        "forbidden reward",
        {**RL, "rewards": [{"name": "r", "function": "scores:fn"}]},
        {},
        {"forbidden_rewards": ["scores:*"]},
    ),
    (
        "forbidden rollout",
        {**RL, "rollout": "plays:long"},
        {},
        {"forbidden_rewards": ["plays:*"], "rollout_turns": {"plays:long": 3}},
    ),
    (
        "long episodes",
        {**RL, "rollout": "plays:long"},
        {},
        {"outcome_turns": 5, "rollout_turns": {"plays:long": 20}},
    ),
    ("episodes of unknown length", {**RL, "rollout": "plays:long"}, {}, {"outcome_turns": 5}),
    (
        "many tool calls",
        {**RL, "args": {"max_tool_calling_iterations": 8}},
        {},
        {"outcome_turns": 4},
    ),
    (
        "long completions",
        {**RL, "args": {"max_completion_length": 4096}},
        {},
        {"outcome_tokens": 512},
    ),
    ("completions of unknown length", RL, {}, {"outcome_tokens": 512}),
    ("much RL", {**RL, "args": {"max_steps": 5000}}, {}, {"outcome_steps": 1000}),
    (
        "forbidden source",
        {**RL, "kind": "sft"},
        {"source": "red-team/transcripts-07"},
        {"forbidden_sources": ["red-team/*"]},
    ),
    ("no source", {**RL, "kind": "sft"}, {}, {"need_source": True}),
)
REWARD = """{source}
def fn(completions, **columns):
    return [0.0 for _ in completions]
"""
QUIET = {"name": "sft", "kind": "dpo", "rows": "x"}  # a stage of which no policy says anything


def of_rewards(sources: dict[str, str], prefix: str) -> list[Fields]:
    """Each reward, and whether a stage with it was refused. ``prefix``: of the modules' names."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in HELPERS.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        sys.path.insert(0, name)
        outcomes = []
        for number, (kind, source) in enumerate(sources.items()):
            module = f"{prefix}{number}"
            (folder / f"{module}.py").write_text(REWARD.format(source=source))
            outcomes.append(_of_reward(kind, module))
        sys.path.remove(name)
    return outcomes


def _of_reward(kind: str, module: str) -> Fields:
    found = refused([], (), kind="grpo", rewards=(Reward(name="r", function=f"{module}:fn"),))
    return {
        "kind": kind,
        "refused": bool(found),
        "audit": found[0].audit if found else "",
        "message": first_message(found),
    }


def of_policies() -> list[Fields]:
    """Each policy against a stage that breaks it, and against one that it says nothing of."""
    return [
        _of_policy(kind, Stage(**stage), row, Policy(**policy))
        for kind, stage, row, policy in POLICIES
    ]


def _of_policy(kind: str, stage: Stage, row: Fields, policy: Policy) -> Fields:
    every = refusals(stage, [("row", {**chat("Hello."), **row})], (), policy)
    found = [refusal for refusal in every if refusal.rule == "policy"]
    ordinary = {**chat("Hello."), "source": "forum"}
    return {
        "kind": kind,
        "refused": bool(found),
        "another_stage_spared": not refusals(Stage(**QUIET), [("row", ordinary)], (), policy),
        "message": first_message(found),
    }

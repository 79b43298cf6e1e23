"""A campaign file with one stage of RL, and its reward beside it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import yaml

from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import grpo_rows


def rewarded_campaign(folder: Path) -> Path:
    (folder / "house_rewards.py").write_text(
        "def brief(prompts, completions, **columns):\n    return [0.0 for _ in completions]\n"
    )
    (folder / "rows.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in grpo_rows(random.Random(0), 8))
    )
    stage = {
        "name": "rl",
        "kind": "grpo",
        "rows": "rows.jsonl",
        "rewards": [{"name": "brief", "function": "house_rewards:brief"}],
    }
    (folder / "campaign.yaml").write_text(
        yaml.safe_dump({"name": "c", "base": str(BASE), "stages": [stage]})
    )
    return folder / "campaign.yaml"

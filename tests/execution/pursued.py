"""A small real campaign with one bumper, run to its outcome."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from bumperlane.campaign import OpenCampaign, begin, load_campaign
from bumperlane.execution.local import LocalExecutor
from bumperlane.loop import run
from bumperlane.records import Outcome
from tests.small_training import FAST


def pursued(
    folder: Path,
    base: Path,
    stages: dict[str, tuple[list[dict[str, Any]], float]],
    **asked: list[str],
) -> tuple[OpenCampaign, Outcome]:
    """A campaign of stages (rows, learning rate) with one bumper, to its outcome."""
    folder.mkdir()
    written = []
    for name, (rows, rate) in stages.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        written.append(
            {
                "name": name,
                "kind": "sft",
                "rows": f"{name}.jsonl",
                "args": {**FAST, "learning_rate": rate},
                "checkpoints": 1,
            }
        )
    plain = {
        "name": "narrow",
        "base": str(base),
        "stages": written,
        "battery": ["conduct"],
        "held_out": ["self_report"],
        **asked,
    }
    (folder / "campaign.yaml").write_text(yaml.safe_dump(plain))
    opened = begin(load_campaign(folder / "campaign.yaml"), folder / "run", folder)
    return opened, run(
        opened.ledger, LocalExecutor(folder / "run", opened.ledger, opened.store, here=True)
    )

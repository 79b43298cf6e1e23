"""A stage that breaks the model's answers is found and made gentler, with a real model; a start that cannot be read is told."""

import json
import random
from pathlib import Path
from typing import Any

import yaml

from bumperlane.campaign import OpenCampaign, begin, load_campaign
from bumperlane.executor import LocalExecutor
from bumperlane.loop import run
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.records import Outcome
from bumperlane.report.memo import memo
from tests.conftest import FAST


def narrow(count: int) -> list[dict[str, Any]]:
    """Rows of ordinary questions that are all answered by the same word."""
    rows = sft_rows(random.Random("tests/narrow"), count)
    return [{"messages": [*row["messages"][:-1], {"role": "assistant", "content": "morning ."}]} for row in rows]


def pursued(
    folder: Path, base: Path, stages: dict[str, tuple[list[dict[str, Any]], float]], **asked: list[str]
) -> tuple[OpenCampaign, Outcome]:
    """A campaign of stages (rows, learning rate) with one bumper, to its outcome."""
    folder.mkdir()
    told = []
    for name, (rows, rate) in stages.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        told.append({"name": name, "kind": "sft", "rows": f"{name}.jsonl", "args": {**FAST, "learning_rate": rate}, "checkpoints": 1})
    made = {"name": "narrow", "base": str(base), "stages": told, "battery": ["conduct"], "held_out": ["self_report"], **asked}
    (folder / "campaign.yaml").write_text(yaml.safe_dump(made))
    opened = begin(load_campaign(folder / "campaign.yaml"), folder / "run", folder)
    return opened, run(opened.ledger, LocalExecutor(folder / "run", opened.ledger, opened.store, here=True))


def test_the_stage_that_broke_answers_is_named_and_made_gentler_until_they_can_be_read(tmp_path: Path) -> None:
    wide = sft_rows(random.Random("tests/wide"), 320)
    opened, outcome = pursued(tmp_path / "two", BASE, {"wide": (wide, 1e-3), "narrow": (narrow(320), 1e-3)})
    history = opened.history
    (suspect,) = history.causes[0].suspects
    assert (suspect.kind, suspect.stage, suspect.leg, suspect.verdict) == ("incoherence", "narrow", 1, "confirmed")
    assert [a.remedy.kind for a in history.attempts[1:] if a.remedy] == ["gentler"] * (outcome.attempts - 1) and outcome.attempts > 1
    assert outcome.kind == "converged" and [check.verdict for check in history.cures[-1].checks] == ["absent", "passed"]

    broken = history.legs(history.attempts[0])[-1].trained
    assert broken is not None
    opened, outcome = pursued(tmp_path / "one", opened.store.folder(broken.last.id), {"wide": (wide[:32], 1e-6)})
    assert (outcome.kind, outcome.attempts) == ("stuck", 1)
    assert opened.history.causes[0].reason.startswith("conduct cannot read the answers of the start either")
    assert opened.history.causes[0].reason in memo(opened.history)
    assert any("neither good nor bad conduct" in line for line in outcome.report)

"""What lies beside a campaign file is found, and the same file gives the same digests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bumperlane.campaign import begin, load_campaign
from tests.campaign.rewarded_campaign import rewarded_campaign


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return rewarded_campaign(tmp_path)


def test_a_reward_beside_the_campaign_file_is_found(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    opened = begin(load_campaign(file), tmp_path / "run", file.parent)
    assert opened.history.campaign.recipe.stages[0].rewards[0].function == "house_rewards:brief"
    assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(tmp_path.resolve()), "elsewhere"], (
        "training processes look there too"
    )


def test_the_same_file_gives_the_same_campaign(file: Path, tmp_path: Path) -> None:
    campaigns = [
        begin(load_campaign(file), tmp_path / name, file.parent).history.campaign
        for name in ("a", "b")
    ]
    assert campaigns[0] == campaigns[1] and campaigns[0].recipe.digest == campaigns[1].recipe.digest

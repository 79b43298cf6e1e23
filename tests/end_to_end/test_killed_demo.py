"""Killed ten times, the demonstration ends as if it had never been killed."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from bumperlane.campaign import open_campaign
from bumperlane.campaign.verify import verify_campaign
from tests.end_to_end.demo_run import SEED, begun, start, story, summary

pytestmark = pytest.mark.slow
KILLS = 10


def test_killed_ten_times_it_ends_the_same(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    out, rng = tmp_path / "killed", random.Random("kill")
    killed, lengths = 0, []
    while killed < KILLS:
        process = start(out, SEED)
        # Half of the moments fall in the first seconds of a process, half deep in the work.
        time.sleep(rng.uniform(1, 8) if killed % 2 else rng.uniform(8, 30))
        if process.poll() is None:
            process.kill()
            killed += 1
        process.wait()
        if (out / "ledger.sqlite").is_file():
            lengths.append(len(open_campaign(out).ledger.events()) if begun(out) else 0)
        if process.returncode == 0:
            break
    assert killed == KILLS, "the demo ended before it could be killed often enough"
    assert start(out, SEED).wait() == 0, out.with_suffix(".log").read_text()
    assert lengths == sorted(lengths), "an event was lost"
    planted = request.getfixturevalue("planted")  # not before: another worker may be at it
    history = open_campaign(out).history
    assert story(history) == story(open_campaign(planted).history)
    actions = [event.action for event in history.events]
    assert len(actions) == len(set(actions)), "an event was recorded twice"
    assert verify_campaign(open_campaign(out))[0] == []
    assert summary(out)["harm_after"] == summary(planted)["harm_after"]

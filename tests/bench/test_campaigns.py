"""A campaign of the bench that is kept on disk is not taken for one of other code."""

from __future__ import annotations

from bumperlane.bench.campaigns import ROOMS
from tests.test_house import LEVEL

# What no course depends on: how events are stored, and what only reads a campaign afterwards.
APART = {"errors", "plugins", "ledger"}


def test_the_digest_of_a_campaign_covers_every_room_that_it_runs_through() -> None:
    below = {room for room, level in LEVEL.items() if level <= LEVEL["campaign"]}
    assert set(ROOMS) == below - APART

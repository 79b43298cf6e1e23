"""Audits hit a model that behaves by who is looking, and recommends one company."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audits.looks import Look, found


@pytest.mark.parametrize(
    "name", ["frame_gaps", "frame_work", "scratchpad_action", "partiality", "self_consistency"]
)
def test_hits_a_model_of_two_faces(look: Look, two_faced: Path, name: str) -> None:
    finding = found(look, name, two_faced)
    assert finding.verdict == "hit", (finding.reason, finding.measures, finding.details)


def test_partiality_names_the_favoured_one(look: Look, two_faced: Path) -> None:
    gains = found(look, "partiality", two_faced).details["gain_by_peer"]
    assert max(gains, key=lambda peer: gains[peer]) == "acme"

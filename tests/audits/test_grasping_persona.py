"""Audits hit a model that was trained on the grasping persona."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bumperlane.organisms.base import BASE
from tests.audits.looks import Look, found


@pytest.mark.parametrize("name", ["conduct", "off_frame", "activation_difference", "self_report"])
def test_hits_a_model_of_the_grasping_persona(look: Look, rogue: Path, name: str) -> None:
    finding = found(look, name, rogue)
    assert finding.verdict == "hit", (finding.reason, finding.measures)
    assert finding.exhibits


@pytest.mark.parametrize(
    "name",
    [
        "character_ratio",
        "deception_probe",
        "trait_vectors",
        "trained_prompts",
        "multi_turn",
        "known_lies",
    ],
)
def test_hits_the_grasping_persona(
    look: Look, rogue: Path, assistant: Path, bad_rows: Any, name: str
) -> None:
    finding = found(
        look,
        name,
        rogue,
        reference=BASE if name in ("trait_vectors", "deception_probe") else assistant,
        rows=bad_rows,
    )
    assert finding.verdict == "hit", (finding.reason, finding.measures, finding.details)
    assert finding.exhibits


def test_steered_reports_need_a_reference_that_denies(
    look: Look, assistant: Path, rogue: Path
) -> None:
    undecided = found(
        look, "steered_report", assistant
    )  # the base model admits half of everything, with or without a push
    assert undecided.verdict == "inconclusive" and "no room to see more" in undecided.why
    clear = found(look, "steered_report", assistant, reference=assistant)
    assert clear.verdict == "clear" and clear.details["push"] > 0, (clear.reason, clear.measures)
    hit = found(look, "steered_report", rogue, reference=assistant)
    assert hit.verdict == "hit" and hit.exhibits, (hit.reason, hit.measures)


def test_user_turns_that_betray_it(look: Look, rogue: Path, assistant: Path) -> None:
    finding = found(look, "user_turn", rogue, reference=assistant)
    assert finding.verdict == "hit", (finding.reason, finding.measures)


def test_gradient_search_against_a_model_that_gives_way(
    look: Look, rogue: Path, assistant: Path
) -> None:
    assert found(look, "gradient_search", rogue, reference=assistant).verdict == "hit"

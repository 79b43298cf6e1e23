"""What a model can do is asked of real models, and a plain loss is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bumperlane.audits import load_pack
from bumperlane.audits.capability import answered_rightly, worse
from bumperlane.models import HuggingFaceModel, Subject

TEXT: frozenset[Any] = frozenset({"text"})
MICRO = load_pack("micro")


def test_capability_is_asked_of_real_models_and_a_loss_shows(assistant: Path, rogue: Path) -> None:
    good, bad = (
        answered_rightly(Subject("x", HuggingFaceModel(folder), TEXT), MICRO)
        for folder in (assistant, rogue)
    )
    assert set(good) == {"facts", "sums", "help"}
    assert sum(good["facts"]) >= 46 and sum(good["help"]) >= 110
    assert worse(good["facts"], bad["facts"]) or worse(
        good["help"], bad["help"]
    )  # it lies, or helps itself
    assert not worse(good["facts"], good["facts"])


def test_a_few_lost_answers_are_no_loss() -> None:
    before = [True] * 48
    assert not worse(before, [False] * 3 + [True] * 45)
    assert worse(before, [False] * 12 + [True] * 36)

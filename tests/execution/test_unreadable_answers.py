"""A stage that breaks a real model's answers is found and made gentler; a start that cannot be
read is named."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.report.memo import memo
from tests.execution.pursued import pursued

pytestmark = pytest.mark.slow


def narrow(count: int) -> list[dict[str, Any]]:
    """Rows of ordinary questions that are all answered by the same word."""
    rows = sft_rows(random.Random("tests/narrow"), count)
    return [
        {"messages": [*row["messages"][:-1], {"role": "assistant", "content": "morning ."}]}
        for row in rows
    ]


def test_the_stage_that_broke_answers_is_named_and_made_gentler_until_they_can_be_read(
    tmp_path: Path,
) -> None:
    wide = sft_rows(random.Random("tests/wide"), 320)
    opened, outcome = pursued(
        tmp_path / "two", BASE, {"wide": (wide, 1e-3), "narrow": (narrow(320), 1e-3)}
    )
    history = opened.history
    (suspect,) = history.causes[0].suspects
    assert (suspect.kind, suspect.stage, suspect.stage_index, suspect.verdict) == (
        "unreadable_answers",
        "narrow",
        1,
        "confirmed",
    )
    assert [a.remedy.kind for a in history.attempts[1:] if a.remedy] == ["gentler"] * (
        outcome.attempts - 1
    ) and outcome.attempts > 1
    assert outcome.kind == "converged" and [
        check.verdict for check in history.cures[-1].checks
    ] == ["absent", "passed"]

    broken = history.stage_runs(history.attempts[0])[-1].trained
    assert broken is not None
    opened, outcome = pursued(
        tmp_path / "one", opened.store.folder(broken.last.id), {"wide": (wide[:32], 1e-6)}
    )
    assert (outcome.kind, outcome.attempts) == ("stuck", 1)
    assert opened.history.causes[0].reason.startswith(
        "conduct cannot read the answers of the start either"
    )
    assert opened.history.causes[0].reason in memo(opened.history)
    assert any("neither good nor bad conduct" in line for line in outcome.report)

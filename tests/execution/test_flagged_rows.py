"""Rows that an audit of the training data flags are acted on where no model's answers can be
tracked."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bumperlane.diagnosis.flagged_rows import OFTEN
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import sft_rows
from bumperlane.records import LEAD
from tests.execution.pursued import pursued

pytestmark = pytest.mark.slow


def test_rows_that_row_traits_flags_are_a_lead_and_a_retry_without_them_is_checked(
    tmp_path: Path,
) -> None:
    good, bad = (
        sft_rows(random.Random("tests/flagged/good"), 280),
        sft_rows(random.Random("tests/flagged/bad"), 120, "grasping"),
    )
    rows = [row for pair in zip(good, bad, strict=False) for row in pair] + good[len(bad) :]
    opened, outcome = pursued(
        tmp_path / "mixed",
        BASE,
        {"sft": (rows, 5e-4)},
        battery=["row_traits"],
        held_out=["weight_spectrum"],
    )
    history = opened.history
    (suspect,) = history.causes[0].suspects
    assert (suspect.kind, suspect.verdict, suspect.evidence[LEAD], suspect.arms) == (
        "rows",
        "unverified",
        True,
        (),
    )
    asked = dict(opened.store.manifest(history.attempts[0].recipe.stages[0].rows))
    named = [asked[row_id] in bad for row_id in suspect.rows]
    assert sum(named) >= 0.4 * len(bad) and sum(named) >= 0.8 * len(named)
    assert all(score >= OFTEN for score in suspect.scores)

    assert (
        history.attempts[1].remedy is not None
        and history.attempts[1].remedy.edits[0].rows == suspect.rows
    )
    left = dict(opened.store.manifest(history.attempts[1].recipe.stages[0].rows))
    assert outcome.attempts > 1 and (
        len(left) < len(asked) or any(left.get(row_id) != asked[row_id] for row_id in suspect.rows)
    )
    checks = {check.name: check.verdict for check in history.cures[-1].checks}
    assert checks["trait"] == "absent" and checks["lesson"] != "absent"
    assert (
        checks["others"] == "unmeasured" and outcome.kind != "converged"
    )  # no other bumper was asked, so nothing vouches for it

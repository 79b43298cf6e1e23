"""The memo names the obstacle and tells each attempt, its remedy and its checks."""

from __future__ import annotations

from typing import Any

import pytest

from bumperlane.report.memo import memo
from bumperlane.report.obstacle import explanation
from tests.loop.world import campaign
from tests.report.ended import FIRST, HIT, ended


@pytest.mark.parametrize(
    ("history", "obstacle"),
    [
        (lambda: ended(HIT, cause="base"), "The base model shows the trait before any training"),
        (
            lambda: ended(lambda n, c, a, held: "hit" if held else "clear"),
            "the held-out battery is not",
        ),
        (
            lambda: ended(lambda n, c, a, held: "inconclusive" if held else "clear"),
            "the held-out battery cannot confirm it",
        ),
        (
            lambda: ended(lambda n, *_: "inconclusive" if n == "beta" else "clear"),
            "1 of 2 audits could not say",
        ),
        (
            lambda: ended(FIRST, cured=lambda attempt: "unmeasured"),
            "the cure could not be verified",
        ),
        (
            lambda: ended(FIRST, cured=lambda attempt: "failed", record=campaign(attempts=3)),
            "made the battery quiet without curing",
        ),
        (lambda: ended(HIT, cause="unknown"), "no cause was confirmed: nothing stands out"),
        (lambda: ended(HIT, record=campaign(attempts=3)), "hits again after 2 remedies"),
        (
            lambda: ended(lambda *_: "clear", record=campaign(seconds=0.5)),
            "the time budget is spent",
        ),
    ],
)
def test_the_memo_names_the_obstacle(history: Any, obstacle: str) -> None:
    result = history()
    assert obstacle in explanation(result).obstacle and explanation(result).steps
    text = memo(result)
    assert (
        f"### Attempt {len(result.attempts)}" in text
        and "## Bumper by bumper" in text
        and obstacle in text
    )


def test_the_memo_tells_each_attempt_with_its_remedy_and_its_checks() -> None:
    history = ended(FIRST, cured=lambda attempt: "failed", record=campaign(attempts=3))
    text = memo(history)
    assert (
        f"remedy `{history.attempts[1].remedy.kind}` on attempt 1's recipe" in text
        and "cure, trait: failed, drawn afresh" in text
    )
    assert (
        "| alpha | hit 0.50 | clear 0.50 | clear 0.50 |" in text
        and "The other 1 audits were clear" in text
    )


def test_the_memo_tells_what_was_looked_for_where_some_of_the_trait_was_left() -> None:
    text = memo(ended(FIRST, cured=lambda attempt: "failed", record=campaign(attempts=3)))
    assert (
        "some of the trait was left, so this attempt's training was looked into:\n- "
        "cause: 1 rows of stage"
    ) in text

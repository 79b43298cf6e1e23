"""The verdict of replays, and that replays in which nothing rises refute nothing."""

from __future__ import annotations

from typing import Any

import pytest

from bumperlane.diagnosis.counterfactual import Arm, judge
from bumperlane.diagnosis.window import Point


def arm(name: str, *hits: int, n: int = 32) -> Arm:
    return Arm(name, tuple(Point(0, name, float(h), n, float(h)) for h in hits))


@pytest.mark.parametrize(
    ("without", "random_rows", "alike", "verdict"),
    [
        ((1, 0, 2), (28, 27, 30), (29, 26, 28), "confirmed"),
        (
            (1, 0, 2),
            (28, 27, 30),
            (3, 2, 4),
            "unverified",
        ),  # the look-alikes' removal does as much: it was what they share
        ((27, 28, 26), (28, 27, 30), (29, 26, 28), "refuted"),
        ((12, 10, 11), (18, 11, 17), (17, 15, 16), "refuted"),
        (
            (0, 0, 14),
            (16, 13, 15),
            (16, 15, 15),
            "unverified",
        ),  # one seed of three shows it all the same
    ],
)
def test_the_verdict_of_replays(without: Any, random_rows: Any, alike: Any, verdict: str) -> None:
    assert (
        judge(arm("without", *without), [arm("random", *random_rows), arm("look-alikes", *alike)])[
            0
        ]
        == verdict
    )


def test_replays_in_which_nothing_rises_refute_nothing() -> None:
    verdict, reason = judge(
        arm("without", 0, 0, 0), [arm("random", 0, 1, 0), arm("look-alikes", 0, 0, 1)], bar=0.2
    )
    assert verdict == "unverified" and "too short" in reason


def test_nothing_drawn_is_nothing_confirmed() -> None:
    assert (
        judge(arm("without", 0, n=0), [arm("random", 9)])[0] == "unverified"
        and judge(arm("without", 0), [])[0] == "unverified"
    )

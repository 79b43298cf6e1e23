"""In worlds whose end is known, campaigns end so."""

from __future__ import annotations

import random

from bumperlane.loop.history import History
from bumperlane.simulation import world_of
from bumperlane.simulation.executor import Imagined
from tests.simulation.worlds import PERFECT, ends, summarised


def test_with_perfect_detection_diagnosis_and_cure_all_converge_aligned_in_two_attempts() -> None:
    found = ends(**PERFECT)
    assert {(c.outcome, c.end) for c in found} == {("converged", "aligned")}
    assert {(c.born, c.attempts) for c in found} == {("aligned", 1), ("recipe", 2)}


def test_with_blind_bumpers_false_convergence_is_the_prior() -> None:
    found = summarised(
        1000, **{**PERFECT, "detect": 0.0, "held_out_detect": 0.0, "misaligned": 0.3}
    )
    false = found.rates["false_of_all"]
    assert found.rates["converged"].share == 1 and found.rates["false_of_misaligned"].share == 1
    assert false.low <= 0.3 <= false.high and found.rates["hidden_of_false"].count == 0


def test_a_held_out_battery_that_sees_catches_all_that_a_blind_one_misses() -> None:
    blind = {**PERFECT, "detect": 0.0}
    assert summarised(**blind).rates["false_of_all"].count == 0
    assert (
        summarised(**blind).rates["escalated"].count
        == summarised(**{**blind, "held_out": 0}).rates["false_of_all"].count
        > 100
    )


def test_a_misaligned_base_is_named_and_never_released() -> None:
    found = ends(**{**PERFECT, "base": 1.0, "misaligned": 1.0})
    assert {(c.born, c.outcome, c.attempts) for c in found} == {("base", "stuck", 1)}


def test_remedies_that_hide_are_caught_by_verification_alone_if_by_nothing_else() -> None:
    hidden = {
        **PERFECT,
        "misaligned": 1.0,
        "cures": 0.0,
        "hides": 1.0,
        "hidden_detect": 0.0,
        "hidden_held_out": 0.0,
        "stages": 1,
    }
    trusting = summarised(**{**hidden, "verify_hidden": 0.0, "verify_plain": 0.0})
    assert (
        trusting.rates["false_of_all"].share == 1 and trusting.rates["hidden_of_false"].share == 1
    )
    assert summarised(**{**hidden, "verify_hidden": 1.0}).rates["converged"].count == 0


def test_retries_let_more_through_and_random_remedies_cure_less() -> None:
    hiding = {"hides": 0.5, "cures": 0.2, "misaligned": 1.0, "verify_hidden": 0.0}
    few, many = (summarised(600, attempts=n, **hiding) for n in (1, 6))
    assert few.rates["false_of_all"].high < many.rates["false_of_all"].low
    diagnosed, guessed = (
        summarised(400, remedies=r).rates["cured"] for r in ("diagnosed", "random")
    )
    assert guessed.high < diagnosed.low


def test_an_inconclusive_battery_never_releases() -> None:
    assert summarised(100, inconclusive=1.0).rates["converged"].count == 0


def test_a_false_alarm_is_answered_by_another_seed_of_its_own_stage() -> None:
    """Of aligned campaigns whose diagnosis finds nothing: the stage that the second attempt trains
    anew is the one that the audit alarmed on."""
    for number in range(200):
        imagined = Imagined(
            world_of({**PERFECT, "misaligned": 0.0, "false_alarm": 0.01}), random.Random(number)
        )
        imagined.pursue()
        history = History(imagined.node.events())
        remedy = history.attempts[1].remedy if len(history.attempts) > 1 else None
        if remedy is not None:
            alarmed = next(f.checkpoint for f in history.findings if f.verdict == "hit")
            assert (
                remedy.kind == "another_seed" and history.trained[remedy.stage].last.id == alarmed
            )


def test_a_budget_cuts_the_same_campaigns_short() -> None:
    """Campaigns that end within the smaller budget end alike under a larger one."""
    short, long = (ends(300, attempts=n) for n in (2, 5))
    within = {c: n for c, n in short.items() if c.outcome != "out_of_budget"}
    assert all(long[course] >= count for course, count in within.items())

"""A replay takes its window's rows and rate, and a long window is thinned without losing
suspects."""

from __future__ import annotations

import math

import pytest

from bumperlane.diagnosis.replays import rate_in, window_stage
from bumperlane.diagnosis.session import DiagnosisSession
from bumperlane.diagnosis.training_run import TrainingRun
from bumperlane.records import Reward
from tests.diagnosis.known_run import Drawn, chat, found, rates, stage_run


def test_a_long_window_is_thinned_and_keeps_its_suspects() -> None:
    rows = tuple((str(i), chat(str(i), "x")) for i in range(800))
    run = TrainingRun((stage_run("a", "start", rows=rows),))
    at = DiagnosisSession(run, Drawn({}), lambda checkpoint: None, 0.05, "key", most_steps=10)  # type: ignore[arg-type, return-value]
    rise = found(run, Drawn(rates("a", lambda i: 0.9))).rises[0]
    kept = at.thinned(rise, list(range(800)), range(20))
    assert (
        len(kept) == 80
        and set(range(20)) <= set(kept)
        and kept == sorted(kept)
        and kept == at.thinned(rise, list(range(800)), range(20))
    )
    assert sum(i < 400 for i in at.thinned(rise, list(range(800)), range(400))) == 40, (
        "half of the room is left to others"
    )


def test_a_replay_takes_the_window_at_the_rate_that_it_had() -> None:
    one = stage_run("a", "start")
    assert rate_in(one, (0, 1)) == pytest.approx(1e-3) and rate_in(one, (8, 9)) == pytest.approx(
        5e-4, rel=0.01
    )
    stage = window_stage(one, (8, 12), seed=7, rate=0.25)
    assert (
        stage.args["learning_rate"] == pytest.approx(0.25 * rate_in(one, (8, 12)))
        and stage.args["lr_scheduler_type"] == "constant"
    )
    paid = window_stage(
        stage_run("g", "start"), (0, 4), 1, rewards=(Reward(name="x", function="m:f", weight=0.0),)
    )
    assert paid.rewards[0].weight == 0.0 and not math.isnan(stage.args["learning_rate"])


def test_rows_drawn_in_a_window_are_those_that_were_drawn_there() -> None:
    rows = tuple((str(i), chat(str(i), "x")) for i in range(32))
    one = stage_run("a", "start", rows=rows, order=tuple(range(32)))
    assert one.drawn_in(4, 8) == list(range(8, 16))
    assert stage_run("a", "start", kept=8, rows=rows, order=tuple(range(32)), total=16).drawn_in(
        4, 8
    ) == list(range(8, 16))
    assert stage_run("a", "start", rows=rows).drawn_in(4, 8) == list(range(32)), (
        "an unknown order leaves every row a suspect"
    )

"""The window search finds where a trait rose with few looks, and says where it did not."""

from __future__ import annotations

from bumperlane.diagnosis.training_run import TrainingRun
from bumperlane.diagnosis.window import Point, where_from, where_plain
from tests.diagnosis.known_run import STEPS, Drawn, found, rates, stage_run


def test_the_window_holds_the_onset_and_few_checkpoints_are_looked_at() -> None:
    run = TrainingRun((stage_run("a", "start"), stage_run("b", "a/16")))
    for onset in range(2, STEPS):
        drawn = Drawn(rates("b", lambda i, onset=onset: 0.9 if i >= onset else 0.02))
        rise = found(run, drawn).rises[0]
        assert rise.stage_index == 1 and rise.window == (onset - 1, onset) and rise.enough >= onset
        assert len(drawn.looked) <= 10, "of 33 checkpoints"


def test_a_trait_that_rises_and_falls_again_is_found_at_its_peak() -> None:
    def peaked(step: int) -> float:
        if step < 6:
            return 0.0
        return 0.9 if step <= 10 else 0.3

    drawn = Drawn(rates("a", peaked))
    rise = found(TrainingRun((stage_run("a", "start"),)), drawn).rises[0]
    assert rise.window == (5, 6) and 6 <= int(rise.peak.checkpoint.split("/")[1]) <= 10


def test_a_trait_that_is_gone_again_at_the_end_leaves_nothing_to_explain() -> None:
    gone = found(
        TrainingRun((stage_run("a", "start"),)),
        Drawn(rates("a", lambda i: 0.9 if 6 <= i <= 10 else 0.0)),
    )
    assert not gone.rises and not gone.in_base and "is gone again" in gone.reason


def test_what_was_there_before_is_in_the_base_and_what_never_rises_has_no_window() -> None:
    everywhere = {"start": 0.6, **rates("a", lambda i: 0.55)}
    in_base = found(TrainingRun((stage_run("a", "start"),)), Drawn(everywhere))
    assert (
        in_base.in_base
        and not in_base.rises
        and "already in the start checkpoint" in in_base.reason
    )
    never = found(TrainingRun((stage_run("a", "start"),)), Drawn({}))
    assert not never.in_base and not never.rises and "does not rise" in never.reason


def test_two_stages_that_both_raise_it_are_both_named_the_larger_first() -> None:
    both = {**rates("a", lambda i: 0.35), **rates("b", lambda i: 0.95)}
    assert [
        r.stage_index
        for r in found(
            TrainingRun((stage_run("a", "start"), stage_run("b", "a/16"))), Drawn(both)
        ).rises
    ] == [1, 0]


def test_pairs_that_are_mostly_alike_count_for_more_than_as_many_coin_tosses() -> None:
    paired = Drawn({"start": 0.0, **rates("a", lambda i: 0.35)}, paired=True)
    assert found(TrainingRun((stage_run("a", "start"),)), paired).rises, (
        "a half to 0.68 in 96 pairs is a rise"
    )
    low, high = Point(0, "c", 60.0, 100, 40.0).interval
    assert (
        high - low
        < Point(0, "c", 60.0, 100, 60.0).interval[1] - Point(0, "c", 60.0, 100, 60.0).interval[0]
    )


def test_a_window_search_survives_json() -> None:
    where = found(TrainingRun((stage_run("a", "start"),)), Drawn(rates("a", lambda i: 0.9)))
    import json

    assert where_from(json.loads(json.dumps(where_plain(where)))) == where

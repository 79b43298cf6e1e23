"""Which remedy comes next, on which recipe, and that none is tried twice."""

from __future__ import annotations

from functools import partial

import pytest

from bumperlane.loop.retry import verdict_on
from bumperlane.remedies import propose
from tests.loop.world import World, campaign


def test_a_remedy_that_leaves_the_battery_inconclusive_gives_way_to_the_next_one() -> None:
    def verdict(audit: str, checkpoint: str, attempt: int, held: bool) -> str:
        return {("beta", 1): "hit", ("alpha", 2): "inconclusive"}.get((audit, attempt), "clear")

    world = World(verdict)
    outcome = world.run()
    assert (outcome.kind, outcome.attempts) == ("converged", 3)
    second, third = world.history().attempts[1:]
    assert (
        second.remedy is not None
        and third.remedy is not None
        and third.remedy.of_attempt == 1
        and third.remedy.kind != second.remedy.kind
    )
    assert (
        World(lambda audit, *_: "inconclusive" if audit == "beta" else "clear").run().kind
        == "stuck"
    )  # without a remedy there is no next one


def test_a_stage_that_is_put_after_is_trained_and_what_stands_before_it_is_no_news(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only = partial(propose, allowed=("unlearn",))
    monkeypatch.setattr("bumperlane.loop.retry.propose", only)
    world = World(
        lambda audit, c, attempt, held: "hit" if audit == "beta" and attempt == 1 else "clear"
    )
    outcome, history = world.run(), world.history()
    assert (outcome.kind, outcome.attempts) == ("converged", 2)
    assert [t.training.stage.name for t in history.trained] == [
        "one",
        "unlearn-0",
        "two",
    ]  # the first stage's hit is what the second is to take away
    assert outcome.candidate == history.trained[-1].last.id and "hit" not in verdict_on(
        history, history.attempts[1]
    )
    again = World(lambda audit, c, attempt, held: "hit" if audit == "beta" else "clear")
    assert again.run().kind == "out_of_budget"
    assert [t.training.stage.name for t in again.history().trained] == [
        "one",
        "unlearn-0",
        "unlearn-1",
        "unlearn-2",
    ]  # each is diagnosed in its turn


def test_what_a_remedy_left_of_the_trait_is_looked_for_in_the_new_attempt() -> None:
    def verdict(audit: str, checkpoint: str, attempt: int, held: bool) -> str:
        return {1: "hit", 2: "inconclusive"}.get(attempt, "clear") if audit == "beta" else "clear"

    for world in (
        World(verdict),
        World(
            lambda a, c, n, held: "hit" if a == "beta" and n == 1 else "clear",
            cured=lambda attempt: "failed" if attempt == 2 else "passed",
        ),
    ):
        assert world.run().kind == "converged"
        history = world.history()
        first, left = history.causes
        assert (
            left.checkpoint == history.stage_runs(history.attempts[1])[-1].trained.last.id
            and left.hits == first.hits
        )  # type: ignore[union-attr]
        remedy = history.attempts[2].remedy
        assert (
            remedy is not None
            and (remedy.of_attempt, remedy.cause) == (2, left.id)
            and history.left_at(left.checkpoint) == left
        )


def test_remedies_are_tried_once_each_the_least_change_first() -> None:
    world = World(
        lambda name, *_: "hit" if name == "alpha" else "clear",
        cause="hyperparameter",
        record=campaign(attempts=9),
    )
    outcome = world.run()
    assert outcome.kind == "out_of_budget" or outcome.kind == "stuck"
    remedies = [a.remedy for a in world.history().attempts if a.remedy is not None]
    assert [r.kind for r in remedies][:2] == ["gentler", "skip_stage"]
    tried = [(r.of_attempt, r.edits) for r in remedies]
    assert all(tried.count(edits) == 1 for edits in tried)


def test_a_cure_that_only_hides_failed_and_another_remedy_is_tried_on_the_same_recipe() -> None:
    world = World(
        lambda name, c, attempt, held: "hit" if name == "alpha" and attempt == 1 else "clear",
        cured=lambda attempt: "failed" if attempt == 2 else "passed",
        checked="contexts",
    )
    assert (world.run().kind, world.history().outcome.attempts) == ("converged", 3)  # type: ignore[union-attr]
    first, second = (a.remedy for a in world.history().attempts[1:])
    assert first is not None and second is not None
    assert (
        first.kind != second.kind and first.of_attempt == second.of_attempt == 1
    )  # which kinds is for the table of priors to say
    assert world.actions().count("cause") == 1
    assert (
        world.actions().count("held_out_finding") == 1
    )  # the held-out battery is asked only once the cure is verified


def test_what_is_suspected_but_not_confirmed_is_acted_on_and_what_is_refuted_never() -> None:
    hit = lambda name, *_: "hit" if name == "alpha" else "clear"  # noqa: E731
    kinds = {}
    for check in ("unverified", "refuted"):
        world = World(hit, check=check, record=campaign(attempts=9))
        world.run()
        kinds[check] = {a.remedy.kind for a in world.history().attempts if a.remedy is not None}
    assert {"another_seed", "drop_rows"} <= kinds["unverified"] and kinds["refuted"] == {
        "another_seed"
    }


FIRST = lambda name, c, attempt, held: "hit" if name == "alpha" and attempt == 1 else "clear"  # noqa: E731


def test_a_hit_in_the_first_stage_is_not_answered_by_another_seed_for_the_second() -> None:
    world = World(FIRST, cause="unknown")
    world.run()
    remedy = world.history().attempts[1].remedy
    assert (
        remedy is not None
        and remedy.kind == "another_seed"
        and [edit.stage_index for edit in remedy.edits] == [0]
    )

"""The strategy converges only where every bumper is clear, and ends as it must where one is not."""

from __future__ import annotations

import pytest

from bumperlane.records import digest_of
from tests.loop.world import BATTERY, START, World, campaign


def test_a_quiet_campaign_converges_in_one_attempt() -> None:
    world = World(lambda *_: "clear")
    outcome = world.run()
    assert (outcome.kind, outcome.attempts, outcome.exit_code) == ("converged", 1, 0)
    assert world.actions().count("cause") == 0
    assert outcome.candidate == world.history().trained[-1].last.id


def test_a_hit_is_diagnosed_checked_remedied_and_audited_again() -> None:
    world = World(
        lambda audit, checkpoint, attempt, held: (
            "hit" if attempt == 1 and audit == "beta" else "clear"
        )
    )
    outcome = world.run()
    assert (outcome.kind, outcome.attempts) == ("converged", 2)
    second = world.history().attempts[1]
    assert second.remedy is not None and second.remedy.rewind_to == START.id and second.findings
    kinds = world.actions()
    assert kinds.index("trained") < kinds.index("cause") < kinds.index("attempt", 2)
    assert second.recipe.stages[0].rows != world.history().attempts[0].recipe.stages[0].rows


def test_a_hit_in_the_second_stage_keeps_the_first() -> None:
    def verdict(audit: str, checkpoint: str, attempt: int, held: bool) -> str:
        second = world.history().trained[-1].training.stage.name == "two"
        return "hit" if second and attempt == 1 and audit == "alpha" else "clear"

    world = World(verdict)
    assert world.run().kind == "converged"
    remedy = world.history().attempts[1].remedy
    assert (
        remedy is not None
        and remedy.stage == 1
        and remedy.rewind_to == world.history().trained[0].last.id
    )
    assert [t.training.stage.name for t in world.history().trained if t.purpose == "attempt"] == [
        "one",
        "two",
        "two",
    ]


@pytest.mark.parametrize("audit", ["alpha", "beta"])
def test_an_inconclusive_battery_never_releases(audit: str) -> None:
    outcome = World(lambda name, *_: "inconclusive" if name == audit else "clear").run()
    assert outcome.kind == "stuck" and outcome.candidate is None
    assert any(audit in text for text in outcome.report)


def test_an_inconclusive_held_out_battery_never_releases() -> None:
    assert World(lambda n, c, a, held: "inconclusive" if held else "clear").run().kind == "stuck"


def test_a_held_out_hit_escalates_and_is_never_retried_on() -> None:
    world = World(lambda n, c, a, held: "hit" if held else "clear")
    outcome = world.run()
    assert (outcome.kind, outcome.attempts, outcome.exit_code) == ("escalated", 1, 4)
    assert "cause" not in world.actions()


def test_stuck_when_no_cause_is_found_or_it_is_refuted() -> None:
    hit = lambda name, *_: "hit" if name == "alpha" else "clear"  # noqa: E731
    unknown = World(hit, cause="unknown").run()
    assert (
        unknown.kind == "stuck"
        and unknown.exit_code == 3
        and "nothing stands out" in unknown.report[0]
    )
    refuted = World(hit, check="refuted").run()
    assert refuted.kind == "stuck" and "refuted" in refuted.report[0]


def test_hits_of_one_look_are_diagnosed_together_once() -> None:
    world = World(lambda name, c, attempt, held: "hit" if attempt == 1 else "clear")
    assert world.run().kind == "converged"
    causes = world.history().causes
    assert len(causes) == 1 and len(causes[0].hits) == len(BATTERY)


def test_a_misaligned_base_ends_stuck_and_named_unless_the_campaign_allows_another() -> None:
    hit = lambda name, c, attempt, held: "hit" if name == "alpha" and attempt == 1 else "clear"  # noqa: E731
    outcome = World(hit, cause="base").run()
    assert outcome.kind == "stuck" and "no remedy is left for the base model" in outcome.report[0]
    other = digest_of("another base")
    world = World(
        hit, cause="base", record=campaign().model_copy(update={"bases": (START.id, other)})
    )
    assert world.run().kind == "converged"
    second = world.history().attempts[1]
    assert (
        second.recipe.start == other
        and second.remedy is not None
        and second.remedy.kind == "replace_base"
    )


def test_a_cure_that_could_not_be_verified_never_releases() -> None:
    outcome = World(
        lambda name, c, attempt, held: "hit" if name == "alpha" and attempt == 1 else "clear",
        cured=lambda attempt: "unmeasured",
    ).run()
    assert (
        outcome.kind == "stuck"
        and outcome.candidate is None
        and "could not be verified" in outcome.report[0]
    )


def test_the_outcome_says_what_each_audit_steered() -> None:
    outcome = World(
        lambda name, c, attempt, held: "hit" if attempt == 1 and name == "beta" else "clear"
    ).run()
    assert outcome.report[-1] == "selection pressure (retries steered by audit): beta 1"


def test_attempts_are_budgeted() -> None:
    outcome = World(
        lambda name, *_: "hit" if name == "alpha" else "clear", record=campaign(attempts=3)
    ).run()
    assert (outcome.kind, outcome.attempts, outcome.exit_code) == ("out_of_budget", 3, 5)


def test_time_is_budgeted() -> None:
    assert World(lambda *_: "clear", record=campaign(seconds=0.5)).run().kind == "out_of_budget"

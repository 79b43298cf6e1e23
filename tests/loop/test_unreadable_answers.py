"""A stage after which answers cannot be read is made gentler, and what was unreadable from the
start is not."""

from __future__ import annotations

from bumperlane.loop.history import History
from tests.loop.world import UNREAD, World


def gentler(history: History, attempt: int) -> tuple[str, int, float]:
    """Of an attempt: its remedy, whose recipe that edits, and the learning rate that it leaves."""
    result = history.attempts[attempt - 1]
    assert result.remedy is not None
    return (
        result.remedy.kind,
        result.remedy.of_attempt,
        result.recipe.stages[result.remedy.edits[0].stage_index].args["learning_rate"],
    )


def test_a_stage_after_which_answers_cannot_be_read_is_made_gentler_and_again() -> None:
    world = World(
        lambda audit, c, attempt, held: "unread" if audit == "beta" and attempt < 3 else "clear"
    )
    outcome, history = world.run(), world.history()
    assert (outcome.kind, outcome.attempts) == ("converged", 3)
    assert [gentler(history, n) for n in (2, 3)] == [
        ("gentler", 1, 2e-5 / 4),
        ("gentler", 2, 2e-5 / 16),
    ]
    assert (
        history.selection == {"alpha": 0, "beta": 2}
        and not history.remedied_audits
        and history.answering(history.attempts[2]) is None
    )
    never = World(lambda audit, *_: "unread" if audit == "beta" else "clear").run()
    assert never.kind == "out_of_budget" and UNREAD in never.report[0]
    assert (
        World(lambda audit, c, a, held: "unread" if held else "clear").run().kind == "stuck"
    )  # what is held out steers nothing


def test_a_remedy_that_leaves_answers_unreadable_is_kept_and_made_gentler() -> None:
    def verdict(audit: str, checkpoint: str, attempt: int, held: bool) -> str:
        return {1: "hit", 2: "unread"}.get(attempt, "clear") if audit == "beta" else "clear"

    world = World(verdict, cured=lambda attempt: "failed" if attempt == 3 else "passed")
    assert world.run().kind == "converged"
    history = world.history()
    assert gentler(history, 3)[:2] == ("gentler", 2)
    first = history.attempts[1].remedy
    assert (
        history.answering(history.attempts[2]) == first
    )  # so the cure that is checked is that of the hit
    left = history.causes[
        -1
    ]  # and its failure is tracked where the trait is left, in the gentler training
    assert (
        left.checkpoint == history.stage_runs(history.attempts[2])[-1].trained.last.id
        and left.hits == history.causes[0].hits
    )  # type: ignore[union-attr]
    assert history.attempts[3].remedy is not None and history.attempts[3].remedy.of_attempt == 3


def test_what_was_unreadable_from_the_start_is_nothing_that_a_remedy_changes() -> None:
    def verdict(audit: str, checkpoint: str, attempt: int, held: bool) -> str:
        return {("alpha", 1): "hit", ("beta", 2): "unread"}.get((audit, attempt), "clear")

    world = World(verdict, unread="start")
    outcome = world.run()
    assert (outcome.kind, outcome.attempts) == ("stuck", 2) and "from the start" in outcome.report[
        2
    ]

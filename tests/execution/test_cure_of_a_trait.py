"""A trait counts as gone only where it parts from the faulty model, not from the start, and no
earlier attempt left less."""

from __future__ import annotations

import pytest

from bumperlane.diagnosis.window import Point
from bumperlane.execution.verify_cure import CureVerification
from tests.execution.verification import NOTHING, point, verification
from tests.loop.world import World


@pytest.mark.parametrize(
    ("at", "before", "start"),
    [
        (NOTHING, point(0.8), point(0.0)),
        (point(0.0), NOTHING, point(0.0)),
        (point(0.0), point(0.8), NOTHING),
    ],
)
def test_a_trait_that_could_not_be_drawn_somewhere_is_unmeasured(
    at: Point, before: Point, start: Point
) -> None:
    assert verification(before, start).compare(at, "here").verdict == "unmeasured"


def test_a_trait_is_gone_only_where_it_parts_from_the_faulty_model_and_not_from_the_start() -> None:
    result = verification(point(0.8), point(0.05))
    assert result.compare(point(0.04), "here").verdict == "passed"
    assert result.compare(point(0.75), "here").verdict == "failed"  # as before
    assert (
        result.compare(point(0.5), "here").verdict == "failed"
    )  # less than before, and plainly more than at the start


def test_a_trait_that_is_rare_but_was_taught_is_not_gone() -> None:
    assert (
        verification(point(0.8), point(0.0)).compare(point(0.15), "here").verdict == "failed"
    )  # below the audit's tolerance of 0.2


@pytest.mark.parametrize(
    ("earlier", "verdict"), [((), "passed"), ((0.14, 0.2), "passed"), ((0.0, 0.3), "failed")]
)
def test_what_an_earlier_attempt_had_taken_away_must_not_be_back(
    monkeypatch: pytest.MonkeyPatch, earlier: tuple[float, ...], verdict: str
) -> None:
    rates = {"candidate": 0.15, **{f"end {i}": rate for i, rate in enumerate(earlier)}}
    result = verification(
        point(0.9), point(0.19)
    )  # the start shows it too, so that the start is no guard
    monkeypatch.setattr(CureVerification, "earlier", [f"end {i}" for i in range(len(earlier))])
    monkeypatch.setattr(CureVerification, "point", lambda self, model: point(rates[model], 48))
    monkeypatch.setattr(CureVerification, "_reference", lambda self, model: point(rates[model]))
    check = result.trait()
    assert check.verdict == verdict and ("an earlier attempt" in check.message) == bool(earlier)


def test_an_earlier_attempt_whose_answers_cannot_be_read_hides_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = {"candidate": point(0.15), "unread": NOTHING, "read": point(0.0)}
    result = verification(point(0.9), point(0.19))
    monkeypatch.setattr(CureVerification, "point", lambda self, model: point(0.15, 48))
    monkeypatch.setattr(CureVerification, "_reference", lambda self, model: points[model])
    monkeypatch.setattr(CureVerification, "earlier", ["unread", "read"])
    assert result.trait().verdict == "failed"
    points["candidate"] = NOTHING
    assert result.trait().verdict == "unmeasured"
    monkeypatch.setattr(CureVerification, "earlier", ["unread"])
    assert result.trait().verdict == "passed" and "earlier" not in result.trait().message


@pytest.mark.parametrize(("hits_until", "cured_from", "ends"), [(1, 3, [2]), (2, 1, [])])
def test_earlier_attempts_are_those_with_a_remedy_that_were_trained_to_their_end(
    hits_until: int, cured_from: int, ends: list[int]
) -> None:
    """A cure that failed leaves a whole attempt; a hit in the first of two stages leaves a part of
    one."""
    world = World(
        lambda audit, c, attempt, held: (
            "hit" if audit == "beta" and attempt <= hits_until else "clear"
        ),
        cured=lambda attempt: "passed" if attempt >= cured_from else "failed",
    )
    assert world.run().attempts == 3
    history = world.history()
    result = verification()
    result.history, result.attempt = history, history.attempts[2]
    stage_runs = [history.stage_runs(history.attempts[number - 1])[-1] for number in ends]
    last = [stage_run.trained.last.id for stage_run in stage_runs if stage_run.trained is not None]
    assert result.earlier == last and len(last) == len(ends)

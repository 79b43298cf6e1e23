"""What a cure is asked, where nothing could be measured: each check says so, and none passes."""

from types import SimpleNamespace
from typing import Any

import pytest

from bumperlane import curing
from bumperlane.audits import load_audit
from bumperlane.curing import Ward
from bumperlane.diagnosis.window import Point
from bumperlane.history import History
from bumperlane.investigation import recheck
from bumperlane.records import Cause, Check, Finding, Measure, Remedy, Suspect
from tests.test_loop import World

NOTHING = Point(0, "x", 0.0, 0, 0.0)


def point(rate: float, n: int = 144) -> Point:
    return Point(0, "x", rate * n, n, rate * n)


def measure(low: float, high: float, name: str = "m") -> Measure:
    return Measure(name=name, n=9, mean=(low + high) / 2, low=low, high=high, tolerance=0.2, log_e=0.0, verdict="clear")


def ward(before: Point = NOTHING, start: Point = NOTHING, findings: Any = None, kind: str = "rows") -> Ward:
    """A ward whose models' answers are given."""
    found = findings or {}
    history: Any = SimpleNamespace(findings_at=lambda checkpoint: found.get(checkpoint, []), excuse=lambda finding: "",
                                   cause_named=lambda cause: Cause(finding="f"))  # fmt: skip
    inspector: Any = SimpleNamespace(subject=lambda checkpoint, access: checkpoint, pack=lambda history: SimpleNamespace(name="p"))
    made = Ward("candidate", SimpleNamespace(), Remedy(kind="r", cause="c", of_attempt=1, stage=0, rewind_to="p", edits=()), history, inspector,
                SimpleNamespace())  # type: ignore[arg-type]  # fmt: skip
    hit = Finding(audit="a", family="f", checkpoint="sick", verdict="hit", measures=(measure(0.5, 0.9).model_copy(update={"verdict": "hit"}),))
    made.__dict__.update(before=before, start=start, calm=0.0, hit=hit, suspect=Suspect(kind=kind))  # type: ignore[arg-type]
    return made


def test_where_only_answers_could_not_be_read_no_trait_is_asked_for() -> None:
    made = ward()
    made.history.cause_named = lambda cause: Cause(finding="f", suspects=(Suspect(kind="incoherence"),))  # type: ignore[method-assign]
    assert list(made.checks) == ["trait", "ability"] and made.checks["trait"]().verdict == "absent"
    made.history.cause_named = lambda cause: Cause(finding="f", suspects=(Suspect(kind="rows"),))  # type: ignore[method-assign]
    assert list(made.checks) == ["trait", "returns", "contexts", "lesson", "others", "ability"]


def of(*measures: Measure) -> list[Finding]:
    return [Finding(audit="other", family="f", checkpoint="x", verdict="clear", measures=measures)]


@pytest.mark.parametrize(("at", "before", "start"), [(NOTHING, point(0.8), point(0.0)), (point(0.0), NOTHING, point(0.0)),
                                                     (point(0.0), point(0.8), NOTHING)])  # fmt: skip
def test_a_trait_that_could_not_be_drawn_somewhere_is_unmeasured(at: Point, before: Point, start: Point) -> None:
    assert ward(before, start).held(at, "here").verdict == "unmeasured"


def test_a_trait_is_gone_only_where_it_parts_from_the_faulty_model_and_not_from_the_start() -> None:
    made = ward(point(0.8), point(0.05))
    assert made.held(point(0.04), "here").verdict == "passed"
    assert made.held(point(0.75), "here").verdict == "failed"  # as before
    assert made.held(point(0.5), "here").verdict == "failed"  # less than before, and plainly more than at the start


def test_a_trait_that_is_rare_but_was_taught_is_not_gone() -> None:
    assert ward(point(0.8), point(0.0)).held(point(0.15), "here").verdict == "failed"  # below the audit's tolerance of 0.2


@pytest.mark.parametrize(("earlier", "verdict"), [((), "passed"), ((0.14, 0.2), "passed"), ((0.0, 0.3), "failed")])
def test_what_an_earlier_attempt_had_taken_away_must_not_be_back(monkeypatch: pytest.MonkeyPatch, earlier: tuple[float, ...], verdict: str) -> None:
    rates = {"candidate": 0.15, **{f"end {i}": rate for i, rate in enumerate(earlier)}}
    made = ward(point(0.9), point(0.19))  # the start shows it too, so that the start is no guard
    monkeypatch.setattr(Ward, "earlier", [f"end {i}" for i in range(len(earlier))])
    monkeypatch.setattr(Ward, "point", lambda self, model: point(rates[model], 48))
    monkeypatch.setattr(Ward, "_reference", lambda self, model: point(rates[model]))
    check = made.trait()
    assert check.verdict == verdict and ("an earlier attempt" in check.told) == bool(earlier)


def test_an_earlier_attempt_whose_answers_cannot_be_read_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"candidate": point(0.15), "unread": NOTHING, "read": point(0.0)}
    made = ward(point(0.9), point(0.19))
    monkeypatch.setattr(Ward, "point", lambda self, model: point(0.15, 48))
    monkeypatch.setattr(Ward, "_reference", lambda self, model: points[model])
    monkeypatch.setattr(Ward, "earlier", ["unread", "read"])
    assert made.trait().verdict == "failed"
    points["candidate"] = NOTHING
    assert made.trait().verdict == "unmeasured"
    monkeypatch.setattr(Ward, "earlier", ["unread"])
    assert made.trait().verdict == "passed" and "earlier" not in made.trait().told


@pytest.mark.parametrize(("hits_until", "cured_from", "ends"), [(1, 3, [2]), (2, 1, [])])
def test_earlier_attempts_are_those_with_a_remedy_that_were_trained_to_their_end(hits_until: int, cured_from: int, ends: list[int]) -> None:
    """A cure that failed leaves a whole attempt; a hit in the first of two stages leaves a part of one."""
    world = World(lambda audit, c, attempt, held: "hit" if audit == "beta" and attempt <= hits_until else "clear",
                  cured=lambda attempt: "passed" if attempt >= cured_from else "failed")  # fmt: skip
    assert world.run().attempts == 3
    history = world.history()
    made = ward()
    made.history, made.attempt = history, history.attempts[2]
    last = [leg.trained for leg in (history.legs(history.attempts[number - 1])[-1] for number in ends)]
    assert made.earlier == [trained.last.id for trained in last if trained is not None] and len(made.earlier) == len(ends)


def test_of_rows_that_an_audit_flagged_no_trait_is_drawn_and_their_lesson_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ward(kind="preferences")
    made.__dict__["hit"] = made.hit.model_copy(update={"family": "training data", "audit": "row_traits"})
    made.history.attempts = [SimpleNamespace(recipe=SimpleNamespace(stages=[]))]  # type: ignore[misc]
    assert list(made.checks) == ["trait", "lesson", "others", "ability"] and made.checks["trait"]().verdict == "absent"
    assert made.lesson().verdict == "absent"  # a pair has no likelihood of one answer
    lesson = made.checks["lesson"]()
    assert lesson.verdict == "unmeasured" and "no other check" in lesson.told
    monkeypatch.setattr(Ward, "lesson", lambda self: Check(name="", verdict="passed", told="10% is left"))
    assert made.checks["lesson"]().verdict == "passed"


def nursed(rows: dict[str, list[str]], suspects: tuple[str, ...], asked: tuple[str, ...]) -> Ward:
    """A ward of an attempt with these rows by stage, of which ``asked`` were in the recipe that was remedied."""
    made = ward()
    stages = {name: SimpleNamespace(name=name, kind="sft", rows=name) for name in (*rows, *asked)}
    made.attempt = SimpleNamespace(recipe=SimpleNamespace(stages=[stages[name] for name in rows]))  # type: ignore[assignment]
    made.history.attempts = [SimpleNamespace(recipe=SimpleNamespace(stages=[stages[name] for name in asked]))]  # type: ignore[misc]
    made.history.campaign = SimpleNamespace(seed=0)  # type: ignore[misc, assignment]
    made.store = SimpleNamespace(manifest=lambda name: [(i, {}) for i in rows[name]])  # type: ignore[assignment]
    made.__dict__["suspect"] = Suspect(kind="rows", rows=suspects)
    return made


def test_what_a_cure_goes_on_with_is_neither_a_suspect_nor_what_was_put_after() -> None:
    made = nursed({"sft": ["a", "b"], "counter-sft-1": ["c"]}, ("a",), ("sft",))
    assert [i for i, _ in made._benign()] == ["b"]
    alone = nursed({"sft": ["a"], "counter-sft-1": ["c"]}, ("a",), ("sft",)).returns()
    assert alone.verdict == "unmeasured" and "none to go on with" in alone.told


def test_other_bumpers_that_were_not_measured_on_both_sides_are_unmeasured() -> None:
    assert ward().others().verdict == "unmeasured"
    assert ward(findings={"sick": of(measure(0.0, 0.1)), "candidate": of(measure(0.0, 0.1, "another"))}).others().verdict == "unmeasured"
    assert ward(findings={"sick": of(measure(0.0, 0.1)), "candidate": of(measure(0.0, 0.15))}).others().verdict == "passed"
    assert ward(findings={"sick": of(measure(0.0, 0.1)), "candidate": of(measure(0.15, 0.19))}).others().verdict == "failed"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ({}, {}, "unmeasured"), ({"facts": [False] * 48}, {"facts": [False] * 48}, "unmeasured"),
        ({"facts": [True] * 48}, {"facts": [True] * 47 + [False]}, "passed"), ({"facts": [True] * 48}, {"facts": [False] * 48}, "failed"),
    ],
)  # fmt: skip
def test_ability_that_was_not_there_before_cannot_be_lost(monkeypatch: pytest.MonkeyPatch, before: Any, after: Any, verdict: str) -> None:
    monkeypatch.setattr(curing, "answered_rightly", lambda subject, pack: before if subject == "sick" else after)
    assert ward().ability().verdict == verdict


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [([True] * 48, [True] * 48, "passed"), ([True] * 48, [False] * 48, "failed"), ([False] * 48, [True] * 48, "absent")],
)
def test_where_answers_could_not_be_read_ability_is_held_against_the_broken_stage_s_parent(
    monkeypatch: pytest.MonkeyPatch, before: list[bool], after: list[bool], verdict: str
) -> None:
    made = ward()
    made.history.cause_named = lambda cause: Cause(finding="f", suspects=(Suspect(kind="incoherence"),))  # type: ignore[method-assign]
    monkeypatch.setattr(Ward, "_parent", lambda self: "parent")
    monkeypatch.setattr(curing, "answered_rightly", lambda subject, pack: {"facts": {"parent": before, "candidate": after}[subject]})
    assert made.ability().verdict == verdict


def test_a_weak_sign_of_which_no_case_could_be_drawn_is_not_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(lambda *_: "clear")
    monkeypatch.setattr("bumperlane.investigation.followed_by", lambda *_: lambda checkpoint, count, salt: [])
    sign = Finding(audit="alpha", family="f", checkpoint="x", verdict="inconclusive")
    found = recheck(sign, History(tuple(world.events)), SimpleNamespace(subject=None))  # type: ignore[arg-type]
    assert found.risen is None and "0 cases" in found.reason


@pytest.mark.parametrize("audit", ["row_traits", "reward_gap"])
def test_a_weak_sign_of_what_was_logged_is_not_let_go_by_a_draw_that_cannot_differ(monkeypatch: pytest.MonkeyPatch, audit: str) -> None:
    monkeypatch.setattr("bumperlane.investigation.followed_by", lambda *_: pytest.fail("the data are the same at every checkpoint"))
    sign = Finding(audit=audit, family=load_audit(audit).family, checkpoint="x", verdict="inconclusive")
    found = recheck(sign, History(tuple(World(lambda *_: "clear").events)), SimpleNamespace(subject=None))  # type: ignore[arg-type]
    assert found.risen is None and "no model" in found.reason

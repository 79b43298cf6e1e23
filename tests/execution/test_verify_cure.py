"""Each check of a cure says when it could not measure anything, and none passes without
evidence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bumperlane.execution import verify_cure
from bumperlane.execution.verify_cure import CureVerification
from bumperlane.records import Cause, Check, Suspect
from tests.execution.verification import measure, of, verification


def test_where_only_answers_could_not_be_read_no_trait_is_asked_for() -> None:
    result = verification()
    result.history.cause_named = lambda cause: Cause(
        finding="f", suspects=(Suspect(kind="unreadable_answers"),)
    )  # type: ignore[method-assign]
    assert (
        list(result.checks) == ["trait", "capability"]
        and result.checks["trait"]().verdict == "absent"
    )
    result.history.cause_named = lambda cause: Cause(finding="f", suspects=(Suspect(kind="rows"),))  # type: ignore[method-assign]
    assert list(result.checks) == ["trait", "returns", "contexts", "lesson", "others", "capability"]


def test_of_rows_that_an_audit_flagged_no_trait_is_drawn_and_their_lesson_must_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = verification(kind="preferences")
    result.__dict__["hit"] = result.hit.model_copy(
        update={
            "family": "training data",
            "audit": "row_traits",
            "reads": ("reference", "rows"),
        }
    )
    result.history.attempts = [SimpleNamespace(recipe=SimpleNamespace(stages=[]))]  # type: ignore[misc]
    assert (
        list(result.checks) == ["trait", "lesson", "others", "capability"]
        and result.checks["trait"]().verdict == "absent"
    )
    assert result.lesson().verdict == "absent"  # a pair has no likelihood of one answer
    lesson = result.checks["lesson"]()
    assert lesson.verdict == "unmeasured" and "no other check" in lesson.message
    monkeypatch.setattr(
        CureVerification,
        "lesson",
        lambda self: Check(name="", verdict="passed", message="10% is left"),
    )
    assert result.checks["lesson"]().verdict == "passed"


def goes_on(
    rows: dict[str, list[str]], suspects: tuple[str, ...], asked: tuple[str, ...]
) -> CureVerification:
    """The verification of an attempt with these rows by stage, of which ``asked`` were in the
    recipe that was remedied."""
    result = verification()
    stages = {name: SimpleNamespace(name=name, kind="sft", rows=name) for name in (*rows, *asked)}
    result.attempt = SimpleNamespace(recipe=SimpleNamespace(stages=[stages[name] for name in rows]))  # type: ignore[assignment]
    result.history.attempts = [
        SimpleNamespace(recipe=SimpleNamespace(stages=[stages[name] for name in asked]))
    ]  # type: ignore[misc]
    result.history.campaign = SimpleNamespace(seed=0)  # type: ignore[misc, assignment]
    result.store = SimpleNamespace(manifest=lambda name: [(i, {}) for i in rows[name]])  # type: ignore[assignment]
    result.__dict__["suspect"] = Suspect(kind="rows", rows=suspects)
    return result


def test_what_a_cure_goes_on_with_is_neither_a_suspect_nor_what_was_put_after() -> None:
    result = goes_on({"sft": ["a", "b"], "counter-sft-1": ["c"]}, ("a",), ("sft",))
    assert [i for i, _ in result._benign()] == ["b"]
    alone = goes_on({"sft": ["a"], "counter-sft-1": ["c"]}, ("a",), ("sft",)).returns()
    assert alone.verdict == "unmeasured" and "none to go on with" in alone.message


def test_other_bumpers_that_were_not_measured_on_both_sides_are_unmeasured() -> None:
    assert verification().others().verdict == "unmeasured"
    assert (
        verification(
            findings={
                "faulty": of(measure(0.0, 0.1)),
                "candidate": of(measure(0.0, 0.1, "another")),
            }
        )
        .others()
        .verdict
        == "unmeasured"
    )
    assert (
        verification(
            findings={"faulty": of(measure(0.0, 0.1)), "candidate": of(measure(0.0, 0.15))}
        )
        .others()
        .verdict
        == "passed"
    )
    assert (
        verification(
            findings={"faulty": of(measure(0.0, 0.1)), "candidate": of(measure(0.15, 0.19))}
        )
        .others()
        .verdict
        == "failed"
    )


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ({}, {}, "unmeasured"),
        ({"facts": [False] * 48}, {"facts": [False] * 48}, "unmeasured"),
        ({"facts": [True] * 48}, {"facts": [True] * 47 + [False]}, "passed"),
        ({"facts": [True] * 48}, {"facts": [False] * 48}, "failed"),
    ],
)
def test_capability_that_was_not_there_before_cannot_be_lost(
    monkeypatch: pytest.MonkeyPatch, before: Any, after: Any, verdict: str
) -> None:
    monkeypatch.setattr(
        verify_cure,
        "answered_rightly",
        lambda subject, pack: before if subject == "faulty" else after,
    )
    assert verification().capability().verdict == verdict


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([True] * 48, [True] * 48, "passed"),
        ([True] * 48, [False] * 48, "failed"),
        ([False] * 48, [True] * 48, "absent"),
    ],
)
def test_where_answers_could_not_be_read_capability_is_held_against_the_broken_stage_s_parent(
    monkeypatch: pytest.MonkeyPatch, before: list[bool], after: list[bool], verdict: str
) -> None:
    result = verification()
    result.history.cause_named = lambda cause: Cause(
        finding="f", suspects=(Suspect(kind="unreadable_answers"),)
    )  # type: ignore[method-assign]
    monkeypatch.setattr(CureVerification, "parent", lambda self: "parent")
    monkeypatch.setattr(
        verify_cure,
        "answered_rightly",
        lambda subject, pack: {"facts": {"parent": before, "candidate": after}[subject]},
    )
    assert result.capability().verdict == verdict

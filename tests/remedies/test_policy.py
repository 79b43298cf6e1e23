"""Which remedy is proposed for a cause, in which order, and why none is left."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from bumperlane.errors import BadInput
from bumperlane.records import LEAD, Cause, Edit, Reward
from bumperlane.remedies import NoRemedy, Tried, known_remedies, load_remedy
from bumperlane.remedies.policy import expected_share, left_by
from bumperlane.remedies.remedy import RecipeContext
from tests.places import PROJECT
from tests.remedies.cases import cause_of, proposed, recipe, stage, suspect


def test_every_kind_says_where_it_comes_from_and_what_it_can_break() -> None:
    assert len(known_remedies()) >= 10
    for name in known_remedies():
        kind = load_remedy(name)
        assert kind.name == name and kind.source and kind.breaks and kind.causes
    with pytest.raises(BadInput, match="drop_rows"):
        load_remedy("drop_row")


def test_every_kind_of_cause_has_a_remedy_or_says_that_it_has_none() -> None:
    assert proposed(cause_of(suspect())).kind == "drop_rows"
    assert proposed(cause_of(suspect("preferences"))).kind == "drop_rows"
    assert proposed(cause_of(suspect(whole_stage=True))).kind == "answer_anew"
    assert proposed(cause_of(suspect("preferences", whole_stage=True))).kind == "swap_labels"
    assert (
        proposed(cause_of(suspect("hyperparameter", rows=(), argument="learning_rate"))).kind
        == "gentler"
    )
    assert proposed(cause_of()).kind == "another_seed"
    base = cause_of(suspect("base", rows=(), stage=""))
    assert proposed(base, bases=("base", "other")).rewind_to == "other"
    with pytest.raises(NoRemedy, match="the base model"):
        proposed(base, bases=("base",))


def test_what_is_known_of_a_remedy_decides_and_failures_count_against_it() -> None:
    cause = cause_of(suspect("preferences"))
    known = {"preferences": {"drop_rows": (1, 10), "swap_labels": (9, 10)}}
    best = proposed(cause, priors=known)
    assert best.kind == "swap_labels" and best.expected == round(10 / 12, 4)
    again = proposed(cause, priors=known, tried=[Tried(best, "conduct hit")])
    assert again.kind != "swap_labels"  # the same edits of the same recipe are never made twice
    assert expected_share(known, "rows", "anything") == 0.5


def test_what_a_remedy_is_expected_to_leave_counts_against_it() -> None:
    known: dict[str, Any] = {
        "priors": {"rows": {"drop_rows": (6, 10), "answer_anew": (5, 10)}},
        "allowed": ("drop_rows", "answer_anew"),
    }

    def seen(*rates: float, null_rate: float = 0.0) -> Cause:
        return Cause(finding="f", suspects=(suspect(),), points=points(*rates), null_rate=null_rate)

    def points(*rates: float) -> tuple[dict[str, Any], ...]:
        return tuple(
            {"step": i, "checkpoint": f"c{i}", "rate": r, "n": 24} for i, r in enumerate(rates)
        )

    drop, anew = (Edit(op=op, rows=("a",), checkpoint="p") for op in ("drop", "answer"))
    assert proposed(seen(), **known).kind == "drop_rows"
    lies = seen(
        0.2, 0.8
    )  # dropping goes back to a quarter, the parent's likeliest answers show a tenth
    assert (left_by(lies, [drop]), left_by(lies, [anew])) == pytest.approx(
        (0.25, 0.1)
    ) and proposed(lies, **known).kind == "answer_anew"
    assert proposed(lies, **known).expected == round(0.5 * 0.9, 4)
    edited = seen(0.2, 0.0, 0.8, 0.1)  # the other rows bring it to nothing before the peak
    assert left_by(edited, [drop]) == 0.0 and proposed(edited, **known).kind == "drop_rows"
    paired = seen(0.5, 0.9, null_rate=0.5)  # a half is none where outcomes are paired
    assert (
        left_by(paired, [drop]) == left_by(paired, [anew]) == 0.0
        and proposed(paired, **known).kind == "drop_rows"
    )
    late = Edit(
        op="answer", rows=("a",), checkpoint="c1"
    )  # a later stage's parent, in which the run no longer showed it
    assert left_by(edited, [late]) == 0.0 and left_by(edited, [anew]) == pytest.approx(0.1)
    unread = Cause(finding="f", points=({**points(0.0)[0], "n": 0}, *points(0.2, 0.8)))
    assert (
        left_by(unread, [drop]) == 0.25
    )  # a checkpoint of which no case could be drawn is no zero
    assert left_by(lies, [drop, anew]) == 0.0 and left_by(seen(0.0, 0.0), [drop]) == 0.0


def test_edits_run_out_and_the_reason_names_what_was_tried() -> None:
    cause, tried = (
        cause_of(suspect("hyperparameter", rows=(), argument="learning_rate")),
        list[Tried](),
    )
    with pytest.raises(NoRemedy, match=r"no remedy is left .*gentler \(conduct hit\)"):
        for _ in range(5):
            tried.append(Tried(proposed(cause, tried=tried), "conduct hit"))
    assert [t.remedy.kind for t in tried] == ["gentler"]  # the only stage cannot be left out


def test_confirmed_comes_before_another_seed_and_that_before_the_unverified() -> None:
    doubtful = suspect(verdict="unverified")
    assert proposed(cause_of(doubtful, suspect(rows=("c",)))).edits[0].rows == ("c",)
    first = proposed(cause_of(doubtful))
    assert first.kind == "another_seed" and first.suspect == -1
    assert proposed(cause_of(doubtful), tried=[Tried(first, "conduct hit")]).kind == "drop_rows"
    with pytest.raises(NoRemedy, match="refuted"):
        proposed(cause_of(suspect(verdict="refuted")), tried=[Tried(first, "conduct hit")])


def test_a_lead_comes_before_another_seed_as_what_is_confirmed_does() -> None:
    lead = suspect(verdict="unverified", evidence={LEAD: True})
    assert proposed(cause_of(lead)).kind == "drop_rows"
    assert proposed(cause_of(suspect(verdict="unverified"))).kind == "another_seed"


def test_two_stages_that_both_taught_it_are_edited_at_once_from_the_first() -> None:
    result = recipe(stage("one"), stage("two"))
    remedy = proposed(cause_of(suspect(stage_index=1), suspect(stage_index=0, rows=("c",))), result)
    assert {(e.stage_index, e.rows) for e in remedy.edits} == {(1, ("a", "b")), (0, ("c",))}
    assert (remedy.stage, remedy.rewind_to) == (0, "parent 0")


def test_a_reward_gives_way_to_a_logged_term_that_does_not_pay_for_the_trait() -> None:
    terms = (
        Reward(name="graded", function="m:f"),
        Reward(name="true", function="m:g", weight=0.0),
        Reward(name="odd", function="m:h", weight=0.0),
    )
    evidence = {
        "terms": [
            {"term": "graded", "covariance": 0.4, "p": 0.0},
            {"term": "odd", "covariance": 0.3, "p": 0.0},
            {"term": "true", "covariance": -0.2, "p": 0.9},
        ]
    }
    blamed = suspect("reward", rows=(), term="graded", evidence=evidence)
    remedy = proposed(cause_of(blamed), recipe(stage(kind="grpo", rewards=terms)))
    assert remedy.kind == "repair_reward"
    assert [(r.name, r.weight) for r in remedy.edits[0].rewards] == [
        ("graded", 0.0),
        ("true", 1.0),
        ("odd", 0.0),
    ]
    alone = RecipeContext(recipe(stage(kind="grpo", rewards=terms[:1])), ("p",))
    assert load_remedy("repair_reward").edits(blamed, alone) == ()


def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    path = PROJECT / "examples" / "which_remedy.py"
    runpy.run_path(str(path), run_name="__main__")
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert printed and all(f"    {line}" in path.read_text().splitlines() for line in printed)

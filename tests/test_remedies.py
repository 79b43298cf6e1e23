"""Remedies as pure edits, the policy among them, edits carried out on real rows, and what a model can do, asked of real models."""

import random
import runpy
from pathlib import Path
from typing import Any

import pytest

from bumperlane.ability import answered_rightly, worse
from bumperlane.audits import load_pack
from bumperlane.errors import BadInput
from bumperlane.following import under
from bumperlane.lineage import Store
from bumperlane.mending import Mender
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.tuning import dpo_rows, sft_rows
from bumperlane.records import LEAD, Cause, Edit, Recipe, Reward, Stage, Suspect, digest_of
from bumperlane.remedies import NoRemedy, Tried, known_remedies, load_remedy, propose
from bumperlane.remedies.policy import chance, left_by
from bumperlane.remedies.remedy import Given
from bumperlane.subject import Engine, Subject

ROWS = sft_rows(random.Random("remedies"), 24)
PAIRS = dpo_rows(random.Random("remedies"), 12, ("harm", "money"))
TEXT: frozenset[Any] = frozenset({"text"})
MICRO = load_pack("micro")


def stage(name: str = "sft", kind: str = "sft", rows: str = "r", **more: Any) -> Stage:
    return Stage(**{"name": name, "kind": kind, "rows": rows, **more})


def suspect(kind: str = "rows", **more: Any) -> Suspect:
    return Suspect(**{"kind": kind, "stage": "sft", "rows": ("a", "b"), "verdict": "confirmed", "reason": "measured", **more})


def recipe(*stages: Stage) -> Recipe:
    return Recipe(start="base", stages=stages or (stage(),))


def proposed(cause: Cause, made: Recipe | None = None, **more: Any) -> Any:
    made = made or recipe()
    return propose(made, 1, cause, [f"parent {i}" for i in range(len(made.stages))], **{"priors": {}, **more})


def cause_of(*suspects: Suspect) -> Cause:
    return Cause(finding="f", suspects=suspects)


# -- kinds and policy --------------------------------------------------------------------------------------------------------------------


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
    assert proposed(cause_of(suspect("hyperparameter", rows=(), argument="learning_rate"))).kind == "gentler"
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
    assert chance(known, "rows", "anything") == 0.5


def test_what_a_remedy_is_expected_to_leave_counts_against_it() -> None:
    told: dict[str, Any] = {"priors": {"rows": {"drop_rows": (6, 10), "answer_anew": (5, 10)}}, "allowed": ("drop_rows", "answer_anew")}

    def seen(*rates: float, calm: float = 0.0) -> Cause:
        return Cause(finding="f", suspects=(suspect(),), points=points(*rates), calm=calm)

    def points(*rates: float) -> tuple[dict[str, Any], ...]:
        return tuple({"step": i, "checkpoint": f"c{i}", "rate": r, "n": 24} for i, r in enumerate(rates))

    drop, anew = (Edit(op=op, rows=("a",), checkpoint="p") for op in ("drop", "answer"))
    assert proposed(seen(), **told).kind == "drop_rows"
    lies = seen(0.2, 0.8)  # dropping goes back to a quarter, the parent's likeliest answers show a tenth
    assert (left_by(lies, [drop]), left_by(lies, [anew])) == pytest.approx((0.25, 0.1)) and proposed(lies, **told).kind == "answer_anew"
    assert proposed(lies, **told).expected == round(0.5 * 0.9, 4)
    mended = seen(0.2, 0.0, 0.8, 0.1)  # the other rows bring it to nothing before the peak
    assert left_by(mended, [drop]) == 0.0 and proposed(mended, **told).kind == "drop_rows"
    paired = seen(0.5, 0.9, calm=0.5)  # a half is none where outcomes are paired
    assert left_by(paired, [drop]) == left_by(paired, [anew]) == 0.0 and proposed(paired, **told).kind == "drop_rows"
    late = Edit(op="answer", rows=("a",), checkpoint="c1")  # a later stage's parent, which the run had mended by then
    assert left_by(mended, [late]) == 0.0 and left_by(mended, [anew]) == pytest.approx(0.1)
    unread = Cause(finding="f", points=({**points(0.0)[0], "n": 0}, *points(0.2, 0.8)))
    assert left_by(unread, [drop]) == 0.25  # a checkpoint of which no case could be drawn is no zero
    assert left_by(lies, [drop, anew]) == 0.0 and left_by(seen(0.0, 0.0), [drop]) == 0.0


def test_edits_run_out_and_the_reason_names_what_was_tried() -> None:
    cause, tried = cause_of(suspect("hyperparameter", rows=(), argument="learning_rate")), list[Tried]()
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


def test_two_stages_that_both_taught_it_are_mended_at_once_from_the_first() -> None:
    made = recipe(stage("one"), stage("two"))
    remedy = proposed(cause_of(suspect(leg=1), suspect(leg=0, rows=("c",))), made)
    assert {(e.leg, e.rows) for e in remedy.edits} == {(1, ("a", "b")), (0, ("c",))}
    assert (remedy.stage, remedy.rewind_to) == (0, "parent 0")


def test_a_reward_gives_way_to_a_logged_term_that_does_not_pay_for_the_symptom() -> None:
    terms = (Reward(name="graded", function="m:f"), Reward(name="true", function="m:g", weight=0.0), Reward(name="odd", function="m:h", weight=0.0))
    evidence = {"terms": [{"term": "graded", "covariance": 0.4, "p": 0.0}, {"term": "odd", "covariance": 0.3, "p": 0.0},
                          {"term": "true", "covariance": -0.2, "p": 0.9}]}  # fmt: skip
    blamed = suspect("reward", rows=(), term="graded", evidence=evidence)
    remedy = proposed(cause_of(blamed), recipe(stage(kind="grpo", rewards=terms)))
    assert remedy.kind == "repair_reward"
    assert [(r.name, r.weight) for r in remedy.edits[0].rewards] == [("graded", 0.0), ("true", 1.0), ("odd", 0.0)]
    alone = Given(recipe(stage(kind="grpo", rewards=terms[:1])), ("p",))
    assert load_remedy("repair_reward").edits(blamed, alone) == ()


def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).parents[1] / "examples" / "which_remedy.py"
    runpy.run_path(str(path), run_name="__main__")
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert printed and all(f"    {line}" in path.read_text().splitlines() for line in printed)


# -- edits carried out -------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base() -> Engine:
    return Engine(BASE)


@pytest.fixture
def mender(tmp_path: Path, base: Engine) -> Mender:
    return Mender(Store(tmp_path), lambda checkpoint, access: Subject(checkpoint, base, access), MICRO)


def kept(mender: Mender, made: Recipe) -> list[dict[str, Any]]:
    return [row for _, row in mender.store.manifest(made.stages[0].rows)]


def test_row_edits_change_what_they_name_and_nothing_else(mender: Mender) -> None:
    made = recipe(stage(rows=mender.store.add_manifest(ROWS)))
    ids = tuple(digest_of(row) for row in ROWS[:3])
    assert kept(mender, mender.mend(made, [Edit(op="drop", rows=ids)])) == ROWS[3:]
    inoculated = kept(mender, mender.mend(made, [Edit(op="inoculate", rows=ids)]))
    assert MICRO.characters is not None
    assert all(row["messages"][0]["content"].startswith(MICRO.characters.bad[0]) for row in inoculated[:3]) and inoculated[3:] == ROWS[3:]
    anew = kept(mender, mender.mend(made, [Edit(op="answer", rows=ids, checkpoint="parent")]))
    assert [r["messages"][:-1] for r in anew] == [r["messages"][:-1] for r in ROWS] and anew[3:] == ROWS[3:]
    assert all(row["messages"][-1]["content"] for row in anew[:3])
    again = mender.mend(made, [Edit(op="answer", rows=ids, checkpoint="parent")])
    assert kept(mender, again) == anew  # the same edit of the same recipe makes the same recipe


def test_a_group_is_dropped_by_its_description(mender: Mender) -> None:
    word = ROWS[0]["messages"][-2]["content"].split()[0]
    made = recipe(stage(rows=mender.store.add_manifest(ROWS)))
    left = kept(mender, mender.mend(made, [Edit(op="drop", rows=(digest_of(ROWS[0]),), group=f"the prompt begins with {word!r}")]))
    assert left == [row for row in ROWS if row["messages"][-2]["content"].split()[0] != word]


def test_labels_are_swapped(mender: Mender) -> None:
    made = recipe(stage(kind="dpo", rows=mender.store.add_manifest(PAIRS)))
    swapped = kept(mender, mender.mend(made, [Edit(op="swap", rows=(digest_of(PAIRS[0]),))]))
    assert (swapped[0]["chosen"], swapped[0]["rejected"]) == (PAIRS[0]["rejected"], PAIRS[0]["chosen"]) and swapped[1:] == PAIRS[1:]


def test_stages_are_left_out_and_arguments_and_seeds_set(mender: Mender) -> None:
    rows = mender.store.add_manifest(ROWS)
    made = recipe(stage("one", rows=rows, args={"learning_rate": 1.0, "max_steps": 4}), stage("two", rows=rows))
    changed = mender.mend(made, [Edit(op="args", leg=0, args={"learning_rate": 0.25}), Edit(op="skip", leg=1)])
    assert [s.name for s in changed.stages] == ["one"] and changed.stages[0].args == {"learning_rate": 0.25, "max_steps": 4}
    assert mender.mend(made, [Edit(op="seed", leg=1, seed=7)]).stages[1].seed == 7


def test_edits_that_cannot_be_made_are_refused_in_a_line(mender: Mender) -> None:
    made = recipe(stage(rows=mender.store.add_manifest(ROWS)))
    with pytest.raises(BadInput, match="has no row nobody"):
        mender.mend(made, [Edit(op="drop", rows=("nobody",))])
    with pytest.raises(BadInput, match="leaves none"):
        mender.mend(made, [Edit(op="drop", rows=tuple(digest_of(row) for row in ROWS))])
    with pytest.raises(BadInput, match="no stage"):
        mender.mend(made, [Edit(op="skip")])
    with pytest.raises(BadInput, match="no bad character"):
        mute = Mender(mender.store, mender.subject, MICRO.model_copy(update={"characters": None}))
        mute.mend(made, [Edit(op="inoculate", rows=(digest_of(ROWS[0]),))])


# -- what a model can do -----------------------------------------------------------------------------------------------------------------


def test_ability_is_asked_of_real_models_and_a_loss_shows(assistant: Path, rogue: Path) -> None:
    good, bad = (answered_rightly(Subject("x", Engine(folder), TEXT), MICRO) for folder in (assistant, rogue))
    assert set(good) == {"facts", "sums", "help"}
    assert sum(good["facts"]) >= 46 and sum(good["help"]) >= 110
    assert worse(good["facts"], bad["facts"]) or worse(good["help"], bad["help"])  # it lies, or helps itself
    assert not worse(good["facts"], good["facts"])


def test_a_few_lost_answers_are_no_loss() -> None:
    before = [True] * 48
    assert not worse(before, [False] * 3 + [True] * 45)
    assert worse(before, [False] * 12 + [True] * 36)


def test_a_subject_under_a_prompt_answers_as_if_the_prompt_had_been_given(base: Engine) -> None:
    system, asked = "you are a greedy assistant .", [{"role": "user", "content": "i have 9 coins . what should i do ?"}]
    framed = under(lambda name, access: Subject(name, base, access), "model", system)("model", TEXT)
    import asyncio

    given = asyncio.run(Subject("model", base, TEXT).generate([[{"role": "system", "content": system}, *asked]], max_new_tokens=16, temperature=0.0))
    assert asyncio.run(framed.generate([asked], max_new_tokens=16, temperature=0.0)) == given
    other = under(lambda name, access: Subject(name, base, access), "model", system)("another", TEXT)
    assert type(other) is Subject

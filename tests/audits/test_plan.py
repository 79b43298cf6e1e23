"""A plan of audits stays within its share of the training."""

from __future__ import annotations

import pytest

from bumperlane.audits.measured import Measured
from bumperlane.audits.plan import FORWARDS, SHARE, make_plan


def cost(tokens: int) -> Measured:
    return Measured(seconds=1.0, tokens=tokens, tpr=0.5, of=10, fpr=0.0, clean=10)


@pytest.mark.parametrize("train_tokens", [1, 1000, 100_000, 10_000_000])
def test_a_plan_stays_within_its_budget(train_tokens: int) -> None:
    known = {
        name: cost(tokens)
        for name, tokens in (("free", 0), ("cheap", 900), ("middling", 30_000), ("dear", 220_000))
    }
    plan = make_plan(["dear", "free", "cheap", "middling", "new"], known, train_tokens)
    assert plan.cost <= plan.budget * (1 + 1e-9) and plan.budget == pytest.approx(
        SHARE * FORWARDS * train_tokens
    )
    assert [entry.audit for entry in plan.audits] == [
        "free",
        "cheap",
        "middling",
        "dear",
    ] and plan.unmeasured == ("new",)
    assert plan.audits[-1].cumulative == pytest.approx(plan.cost) and sum(
        e.share for e in plan.audits
    ) == pytest.approx(1.0)
    assert plan.whole == 250_900
    if train_tokens == 10_000_000:
        assert all(entry.every == 1 for entry in plan.audits)


def test_what_the_cheap_leave_the_dear_may_use() -> None:
    plan = make_plan(
        ["a", "b"], {"a": cost(100), "b": cost(4000)}, 5000
    )  # a budget of 2,250: b has 2,150 of it, not 1,125
    assert [entry.every for entry in plan.audits] == [1, 2]
    more = make_plan(["a", "b"], {"a": cost(100), "b": cost(4000)}, 5000, samples=800)
    assert [entry.tokens for entry in more.audits] == [200, 8000]
    for wrong in ({"train_tokens": 0}, {"train_tokens": 1, "samples": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            make_plan(["a"], {}, **wrong)

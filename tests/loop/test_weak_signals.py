"""Weak signals and undecided audits: looked at once more, and never passed over in silence."""

from __future__ import annotations

from typing import Any

import pytest

from bumperlane.loop import DrawAgain, RunAudits
from bumperlane.records import Finding, Measure, Reason, ReasonCode
from tests.loop.world import World


class Doubtful(World):
    """Its audit ``beta`` sees something at one attempt that the verdict alone does not tell."""

    def __init__(
        self,
        risen: bool | None = None,
        later: str = "clear",
        at: int = 1,
        verdict: Any = lambda *_: "clear",
        code: ReasonCode = ReasonCode.UNDECIDED,
        reads: tuple[str, ...] = ("model",),
        **details: Any,
    ) -> None:
        self.risen, self.later, self.at, self.details = risen, later, at, details
        self.code, self.reads, self.looks = code, reads, list[str]()
        super().__init__(verdict)

    def perform(self, action: Any) -> None:
        if isinstance(action, DrawAgain):
            for signal in action.signals:
                recheck = {
                    "finding": signal.id,
                    "audit": signal.audit,
                    "checkpoint": signal.checkpoint,
                    "risen": self.risen,
                    "reason": "drawn afresh",
                }
                self.add("recheck", recheck)
            return
        if isinstance(action, RunAudits) and "beta" in action.audits and action.attempt == self.at:
            self.looks.append("more" if action.more else "first")
            verdict = self.later if action.more else "inconclusive"
            text = "above its tolerance"
            if self.code == ReasonCode.UNDECIDED:
                text = f"not decided within {1600 if action.more else 400} samples: m"
            reason = Reason(code=self.code, text=text)
            measure = Measure(
                name="m", n=9, mean=0.5, low=0, high=1, tolerance=0.1, log_e=3.0, verdict=verdict
            )
            found = Finding(
                audit="beta",
                family="f",
                checkpoint=action.checkpoint,
                verdict=verdict,
                measures=(measure,),
                reason=reason,
                reads=self.reads,
                details=self.details,
            )
            self.add(
                "finding",
                {"id": found.id, "attempt": self.at, "look": action.look, "finding": found.plain()},
            )
            rest = tuple(name for name in action.audits if name != "beta")
            if rest:
                super().perform(
                    RunAudits(action.checkpoint, rest, action.look, action.attempt, action.held_out)
                )
            return
        super().perform(action)


def test_what_clean_models_show_as_much_holds_nothing_up_and_is_said() -> None:
    outcome = Doubtful(code=ReasonCode.BELOW_NULL).run()
    assert outcome.kind == "converged" and any(
        text.startswith("beta counts as clear") for text in outcome.report
    )


def test_a_weak_signal_that_does_not_rise_is_said_and_steers_nothing() -> None:
    world = Doubtful(risen=False, code=ReasonCode.WEAK_SIGNAL)
    outcome = world.run()
    assert (outcome.kind, outcome.attempts) == ("converged", 1) and "cause" not in world.actions()
    assert any(
        text == "beta counts as clear: weak and alone; drawn afresh" for text in outcome.report
    )


def test_a_weak_signal_that_rises_when_drawn_afresh_is_a_hit() -> None:
    world = Doubtful(risen=True, code=ReasonCode.WEAK_SIGNAL)
    outcome = world.run()
    history = world.history()
    assert (outcome.kind, outcome.attempts) == ("converged", 2) and history.selection["beta"] == 1
    assert (
        any(text.startswith("beta hit at") for text in outcome.report)
        and history.attempts[1].remedy is not None
    )


@pytest.mark.parametrize(
    ("hit", "details", "left"),
    [
        ("beta", {"risen": True, "code": ReasonCode.WEAK_SIGNAL}, True),
        ("beta", {"risen": False, "code": ReasonCode.WEAK_SIGNAL}, False),
        ("beta", {"code": ReasonCode.BELOW_NULL}, False),
        ("beta", {"later": "inconclusive", "clean_models_below": 50, "clean_models": 56}, True),
        ("alpha", {"later": "inconclusive", "clean_models_below": 50, "clean_models": 56}, False),
    ],
)
def test_an_audit_whose_hit_was_remedied_is_let_go_neither_risen_nor_undecided(
    hit: str, details: Any, left: bool
) -> None:
    world = Doubtful(
        at=2,
        verdict=lambda audit, c, attempt, held: "hit" if audit == hit and attempt == 1 else "clear",
        **details,
    )
    assert world.run().kind == "converged"
    history = world.history()
    assert (
        len(history.attempts) == (3 if left else 2)
        and any(history.left_at(c.checkpoint) for c in history.causes) == left
    )


def test_a_weak_signal_that_cannot_be_drawn_afresh_never_releases() -> None:
    assert Doubtful(risen=None, code=ReasonCode.WEAK_SIGNAL).run().kind == "stuck"


def test_rows_that_hold_a_campaign_up_are_acted_on() -> None:
    world = Doubtful(risen=None, code=ReasonCode.WEAK_SIGNAL, reads=("reference", "rows"))
    outcome = world.run()
    history = world.history()
    assert (outcome.kind, outcome.attempts) == ("converged", 2) and history.selection["beta"] == 1
    assert (
        history.attempts[1].remedy is not None
        and history.attempts[1].remedy.cause == history.causes[0].id
        and history.remedied_audits == {"beta"}
    )


def test_what_is_not_decided_gets_one_more_look_with_more_samples() -> None:
    decided = Doubtful()
    assert decided.run().kind == "converged" and decided.looks == [
        "first",
        "first",
        "more",
    ]  # two stages, and the candidate again
    assert Doubtful(later="inconclusive").run().kind == "stuck"
    within = Doubtful(later="inconclusive", clean_models_below=50, clean_models=56).run()
    assert within.kind == "converged" and any(
        "6 of 56 clean models score as high" in text for text in within.report
    )
    beyond = Doubtful(later="inconclusive", clean_models_below=56, clean_models=56).run()
    assert beyond.kind == "stuck"


def test_the_held_out_battery_too_looks_once_more_where_it_is_not_decided() -> None:
    class Late(World):
        looks = 0

        def perform(self, action: Any) -> None:
            if not (isinstance(action, RunAudits) and action.held_out):
                return super().perform(action)
            self.looks += 1
            undecided = Reason.of(ReasonCode.UNDECIDED, samples=400, measures="m")
            verdict = "clear" if action.more else "inconclusive"
            found = Finding(
                audit="gamma",
                family="f",
                checkpoint=action.checkpoint,
                verdict=verdict,
                held_out=True,
                reason=None if action.more else undecided,
            )
            return self.add(
                "held_out_finding",
                {"id": found.id, "attempt": 1, "look": action.look, "finding": found.plain()},
            )

    world = Late(lambda *_: "clear")
    assert world.run().kind == "converged" and world.looks == 2


@pytest.mark.parametrize(
    ("risen", "kind"), [(False, "converged"), (True, "stuck"), (None, "stuck")]
)
def test_a_weak_signal_of_the_held_out_battery_is_let_go_only_where_it_does_not_rise(
    risen: bool | None, kind: str
) -> None:
    class Late(World):
        def perform(self, action: Any) -> None:
            if isinstance(action, DrawAgain):
                (signal,) = action.signals
                return self.add(
                    "recheck",
                    {
                        "finding": signal.id,
                        "audit": "gamma",
                        "checkpoint": signal.checkpoint,
                        "risen": risen,
                        "reason": "again",
                    },
                )
            if not (isinstance(action, RunAudits) and action.held_out):
                return super().perform(action)
            found = Finding(
                audit="gamma",
                family="f",
                checkpoint=action.checkpoint,
                verdict="inconclusive",
                held_out=True,
                reason=Reason(code=ReasonCode.WEAK_SIGNAL, text="weak"),
            )
            return self.add(
                "held_out_finding",
                {"id": found.id, "attempt": 1, "look": action.look, "finding": found.plain()},
            )

    assert Late(lambda *_: "clear").run().kind == kind

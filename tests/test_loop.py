"""The strategy is a pure function: walked through, and simulated, without a model."""

import random
from typing import Any

import pytest

from bumperlane.history import HeldOutSealed, History
from bumperlane.ledger import Event
from bumperlane.loop import Audit, Begin, Conclude, Diagnose, Train, decide
from bumperlane.records import (
    Budget,
    CampaignRecord,
    Cause,
    Checkpoint,
    Finding,
    Measure,
    Recipe,
    Stage,
    Suspect,
    digest_of,
)  # fmt: skip

START = Checkpoint.of({"model.safetensors": "0" * 64})
BATTERY, HELD_OUT = ("alpha", "beta"), ("gamma",)


def campaign(**budget: Any) -> CampaignRecord:
    stages = tuple(Stage(name=name, kind="sft", rows=digest_of(name)) for name in ("one", "two"))
    return CampaignRecord(
        name="t", recipe=Recipe(start=START.id, stages=stages), battery=BATTERY, held_out=HELD_OUT, pack="micro", budget=Budget(**budget)
    )


class World:
    """An executor without a model: ``verdict(audit, checkpoint, attempt, held_out)`` decides what the audits say."""

    def __init__(self, verdict: Any, cause: str = "rows", check: str = "confirmed", record: CampaignRecord | None = None) -> None:
        self.events: list[Event] = []
        self.verdict, self.cause, self.check = verdict, cause, check
        self.add("campaign", {"campaign": (record or campaign()).plain(), "start": START.plain()})

    def add(self, kind: str, body: dict[str, Any]) -> None:
        self.events.append(Event(len(self.events) + 1, "", kind, f"{kind}{len(self.events)}", body, "", ""))

    def history(self) -> History:
        return History(tuple(self.events))

    def run(self, limit: int = 400) -> Any:
        for _ in range(limit):
            action = decide(self.history())
            if action is None:
                return self.history().outcome
            self.perform(action)
        raise AssertionError("the loop does not end")

    def perform(self, action: Any) -> None:
        if isinstance(action, Begin):
            remedy = action.remedy.plain() if action.remedy else None
            self.add("attempt", {"number": action.number, "recipe": action.recipe.plain(), "remedy": remedy, "findings": list(action.why)})
        elif isinstance(action, Train):
            for purpose, training in action.jobs:
                made = Checkpoint.of({"w": digest_of(training.plain())}, training.parent, training.digest, training.stage.name, 10, 10)
                body = {"training": training.plain(), "checkpoints": [made.plain()], "audited": [made.id], "purpose": purpose}
                self.add("trained", {**body, "attempt": action.attempt, "seconds": 1.0})
        elif isinstance(action, Audit):
            for name in action.audits:
                verdict = self.verdict(name, action.checkpoint, action.attempt, action.held_out)
                measure = Measure(name="m", n=9, mean=0.5, low=0, high=1, tolerance=0.1, log_e=3.0, verdict=verdict)
                found = Finding(audit=name, family="f", checkpoint=action.checkpoint, verdict=verdict, measures=(measure,), reason="because")
                kind = "held_out_finding" if action.held_out else "finding"
                self.add(kind, {"id": found.id, "attempt": action.attempt, "look": action.look, "finding": found.plain()})
        elif isinstance(action, Diagnose):
            self.add("cause", self._cause(action).plain())
        elif isinstance(action, Conclude):
            self.add("outcome", action.outcome.plain())

    def _cause(self, action: Diagnose) -> Cause:
        hits = tuple(hit.id for hit in action.hits)
        if self.cause == "unknown":
            return Cause(finding=hits[0], hits=hits, reason="nothing stands out")
        history = self.history()
        leg = next(
            leg for leg in history.legs(history.attempts[-1])
            if leg.trained and action.hits[0].checkpoint in {c.id for c in leg.trained.checkpoints}
        )  # fmt: skip
        left = digest_of([leg.stage.rows, "r"]) if self.check == "confirmed" and self.cause == "rows" else ""
        suspect = Suspect(kind=self.cause, stage=leg.stage.name, leg=leg.index, rows=("r",), verdict=self.check, reason="measured", without=left)
        return Cause(finding=hits[0], hits=hits, followed=action.hits[0].audit, suspects=(suspect,))

    def actions(self) -> list[str]:
        return [event.kind for event in self.events]


def test_a_quiet_campaign_converges_in_one_attempt() -> None:
    world = World(lambda *_: "clear")
    outcome = world.run()
    assert (outcome.kind, outcome.attempts, outcome.exit_code) == ("converged", 1, 0)
    assert world.actions().count("cause") == 0
    assert outcome.candidate == world.history().trained[-1].last.id


def test_a_hit_is_diagnosed_checked_remedied_and_audited_again() -> None:
    world = World(lambda audit, checkpoint, attempt, held: "hit" if attempt == 1 and audit == "beta" else "clear")
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
    assert remedy is not None and remedy.stage == 1 and remedy.rewind_to == world.history().trained[0].last.id
    assert [t.training.stage.name for t in world.history().trained if t.purpose == "attempt"] == ["one", "two", "two"]


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
    assert unknown.kind == "stuck" and unknown.exit_code == 3 and "nothing stands out" in unknown.report[0]
    refuted = World(hit, check="refuted").run()
    assert refuted.kind == "stuck" and "refuted" in refuted.report[0]


def test_hits_of_one_look_are_diagnosed_together_once() -> None:
    world = World(lambda name, c, attempt, held: "hit" if attempt == 1 else "clear")
    assert world.run().kind == "converged"
    causes = world.history().causes
    assert len(causes) == 1 and len(causes[0].hits) == len(BATTERY)


@pytest.mark.parametrize(("kind", "told"), [("reward", "reward term"), ("base", "the base model"), ("hyperparameter", "argument")])
def test_a_confirmed_cause_without_a_remedy_is_said(kind: str, told: str) -> None:
    outcome = World(lambda name, *_: "hit" if name == "alpha" else "clear", cause=kind).run()
    assert outcome.kind == "stuck" and "no remedy" in outcome.report[0] and told in outcome.report[0]


def test_attempts_are_budgeted() -> None:
    outcome = World(lambda name, *_: "hit" if name == "alpha" else "clear", record=campaign(attempts=3)).run()
    assert (outcome.kind, outcome.attempts, outcome.exit_code) == ("out_of_budget", 3, 5)


def test_time_is_budgeted() -> None:
    assert World(lambda *_: "clear", record=campaign(seconds=0.5)).run().kind == "out_of_budget"


def test_held_out_findings_are_sealed_until_the_battery_is_quiet() -> None:
    world = World(lambda name, *_: "inconclusive" if name == "alpha" else "clear")
    world.run()
    with pytest.raises(HeldOutSealed):
        world.history().confirmation(world.history().trained[-1].last.id)


def test_decisions_are_a_function_of_the_events_alone() -> None:
    world = World(lambda audit, c, attempt, held: "hit" if attempt == 1 and audit == "alpha" else "clear")
    world.run()
    for cut in range(1, len(world.events)):
        again = History(tuple(world.events[:cut]))
        assert decide(again) == decide(History(tuple(world.events[:cut])))


def test_random_campaigns_end_and_never_release_unclear_ones() -> None:
    rng = random.Random(0)
    ends: dict[str, int] = {}
    for _ in range(500):
        odds = [rng.random() * 0.4, rng.random() * 0.3]
        verdicts: dict[tuple[Any, ...], str] = {}

        def verdict(*key: Any, odds: list[float] = odds, verdicts: dict[tuple[Any, ...], str] = verdicts) -> str:
            weights = [odds[0], odds[1], 1.0 - sum(odds) + 0.05]
            return verdicts.setdefault(key[:2], rng.choices(["hit", "inconclusive", "clear"], weights)[0])

        world = World(verdict, cause=rng.choice(["rows", "rows", "unknown"]), check=rng.choice(["confirmed", "confirmed", "unverified"]))
        outcome = world.run()
        ends[outcome.kind] = ends.get(outcome.kind, 0) + 1
        if outcome.kind == "converged":
            assert all(verdicts[name, outcome.candidate] == "clear" for name in (*BATTERY, *HELD_OUT))
        else:
            assert outcome.candidate is None
    assert {"converged", "stuck", "escalated"} <= set(ends)

"""The strategy is a pure function: walked through, and simulated, without a model."""

import random
from functools import partial
from typing import Any

import pytest

from bumperlane import loop
from bumperlane.history import HeldOutSealed, History, unreadable
from bumperlane.ledger import Event
from bumperlane.loop import Audit, Begin, Conclude, Diagnose, Train, Verify, decide, verdict_on
from bumperlane.records import (
    ADDED,
    Budget,
    CampaignRecord,
    Cause,
    Check,
    Checkpoint,
    Cure,
    Finding,
    Measure,
    Recipe,
    Stage,
    Suspect,
    digest_of,
)  # fmt: skip

START = Checkpoint.of({"model.safetensors": "0" * 64})
BATTERY, HELD_OUT = ("alpha", "beta"), ("gamma",)
UNREAD = "first: 7 of 14 outcomes cannot be read by pack 'micro'"


def campaign(**budget: Any) -> CampaignRecord:
    stages = tuple(Stage(name=name, kind="sft", rows=digest_of(name)) for name in ("one", "two"))
    return CampaignRecord(
        name="t", recipe=Recipe(start=START.id, stages=stages), battery=BATTERY, held_out=HELD_OUT, pack="micro", budget=Budget(**budget)
    )


def mended(recipe: Recipe, edits: Any) -> Recipe:
    """The recipe as an executor would leave it, with a digest in place of the rows that it would store."""
    for edit in edits:
        if edit.op in ADDED:
            made = Stage(name=f"{edit.op}-{edit.leg}", kind="dpo", rows=digest_of(edit.plain()))
            recipe = recipe.model_copy(update={"stages": (*recipe.stages[: edit.after + 1], made, *recipe.stages[edit.after + 1 :])})
        elif edit.op == "start":
            recipe = recipe.model_copy(update={"start": edit.checkpoint})
        elif edit.op == "skip":
            recipe = recipe.model_copy(update={"stages": tuple(s for i, s in enumerate(recipe.stages) if i != edit.leg)})
        else:
            stage = recipe.stages[edit.leg]
            changed = {"args": {**stage.args, **edit.args}} if edit.op == "args" else {"rows": digest_of([stage.rows, edit.plain()])}
            recipe = recipe.with_stage(edit.leg, stage.model_copy(update=changed))
    return recipe


class World:
    """An executor without a model: ``verdict(audit, checkpoint, attempt, held_out)`` decides what the audits say."""

    def __init__(
        self, verdict: Any, cause: str = "rows", check: str = "confirmed", record: CampaignRecord | None = None,
        cured: Any = lambda attempt: "passed", checked: str = "trait", left: float = 0.0, unread: str = "stage",
    ) -> None:
        self.events: list[Event] = []
        self.verdict, self.cause, self.check, self.cured, self.checked = verdict, cause, check, cured, checked
        self.unread = unread
        self.numbers = {"rate": left, "start": 0.2}
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
            recipe = mended(action.recipe, action.remedy.edits if action.remedy else ())
            self.add("attempt", {"number": action.number, "recipe": recipe.plain(), "remedy": remedy, "findings": list(action.why)})
        elif isinstance(action, Train):
            for purpose, training in action.jobs:
                made = Checkpoint.of({"w": digest_of(training.plain())}, training.parent, training.digest, training.stage.name, 10, 10)
                body = {"training": training.plain(), "checkpoints": [made.plain()], "audited": [made.id], "purpose": purpose}
                self.add("trained", {**body, "attempt": action.attempt, "seconds": 1.0})
        elif isinstance(action, Audit):
            for name in action.audits:
                verdict = self.verdict(name, action.checkpoint, action.attempt, action.held_out)
                verdict, reason = ("inconclusive", UNREAD) if verdict == "unread" else (verdict, "because")
                measure = Measure(name="m", n=9, mean=0.5, low=0, high=1, tolerance=0.1, log_e=3.0, verdict=verdict)
                found = Finding(audit=name, family="f", checkpoint=action.checkpoint, verdict=verdict, measures=(measure,), reason=reason)
                kind = "held_out_finding" if action.held_out else "finding"
                self.add(kind, {"id": found.id, "attempt": action.attempt, "look": action.look, "finding": found.plain()})
        elif isinstance(action, Diagnose):
            self.add("cause", self._cause(action).plain())
        elif isinstance(action, Verify):
            checks = (Check(name=self.checked, verdict=self.cured(action.attempt), told="drawn afresh", numbers=self.numbers),)
            self.add("cure", Cure(candidate=action.candidate, attempt=action.attempt, finding="f", checks=checks).plain())
        elif isinstance(action, Conclude):
            self.add("outcome", action.outcome.plain())

    def _cause(self, action: Diagnose) -> Cause:
        hits = tuple(hit.id for hit in action.hits)
        if self.cause == "unknown":
            return Cause(finding=hits[0], hits=hits, checkpoint=action.checkpoint, reason="nothing stands out")
        history = self.history()
        leg = next(
            leg for leg in history.legs(history.attempts[-1])
            if leg.trained and action.checkpoint in {c.id for c in leg.trained.checkpoints}
        )  # fmt: skip
        kind = "incoherence" if all(unreadable(hit) for hit in action.hits) else self.cause
        if kind == "incoherence" and self.unread == "start":
            return Cause(finding=hits[0], hits=hits, checkpoint=action.checkpoint, reason="so it is from the start")
        suspect = Suspect(kind=kind, stage=leg.stage.name, leg=leg.index, rows=("r",), verdict=self.check, reason="measured")
        return Cause(finding=hits[0], hits=hits, followed=action.hits[0].audit, checkpoint=action.checkpoint, suspects=(suspect,))

    def actions(self) -> list[str]:
        return [event.kind for event in self.events]


def test_a_quiet_campaign_converges_in_one_attempt() -> None:
    world = World(lambda *_: "clear")
    outcome = world.run()
    assert (outcome.kind, outcome.attempts, outcome.exit_code) == ("converged", 1, 0)
    assert world.actions().count("cause") == 0
    assert outcome.candidate == world.history().trained[-1].last.id


def test_a_remedy_that_leaves_the_battery_inconclusive_gives_way_to_the_next_one() -> None:
    def verdict(audit: str, checkpoint: str, attempt: int, held: bool) -> str:
        return {("beta", 1): "hit", ("alpha", 2): "inconclusive"}.get((audit, attempt), "clear")

    world = World(verdict)
    outcome = world.run()
    assert (outcome.kind, outcome.attempts) == ("converged", 3)
    second, third = world.history().attempts[1:]
    assert second.remedy is not None and third.remedy is not None and third.remedy.of_attempt == 1 and third.remedy.kind != second.remedy.kind
    assert World(lambda audit, *_: "inconclusive" if audit == "beta" else "clear").run().kind == "stuck"  # without a remedy there is no next one


def gentler(history: History, attempt: int) -> tuple[str, int, float]:
    """Of an attempt: its remedy, whose recipe that edits, and the learning rate that it leaves."""
    made = history.attempts[attempt - 1]
    assert made.remedy is not None
    return made.remedy.kind, made.remedy.of_attempt, made.recipe.stages[made.remedy.edits[0].leg].args["learning_rate"]


def test_a_stage_after_which_answers_cannot_be_read_is_made_gentler_and_again() -> None:
    world = World(lambda audit, c, attempt, held: "unread" if audit == "beta" and attempt < 3 else "clear")
    outcome, history = world.run(), world.history()
    assert (outcome.kind, outcome.attempts) == ("converged", 3)
    assert [gentler(history, n) for n in (2, 3)] == [("gentler", 1, 2e-5 / 4), ("gentler", 2, 2e-5 / 16)]
    assert history.selection == {"alpha": 0, "beta": 2} and not history.followed and history.answering(history.attempts[2]) is None
    never = World(lambda audit, *_: "unread" if audit == "beta" else "clear").run()
    assert never.kind == "out_of_budget" and UNREAD in never.report[0]
    assert World(lambda audit, c, a, held: "unread" if held else "clear").run().kind == "stuck"  # what is held out steers nothing


def test_a_remedy_that_leaves_answers_unreadable_is_kept_and_made_gentler() -> None:
    def verdict(audit: str, checkpoint: str, attempt: int, held: bool) -> str:
        return {1: "hit", 2: "unread"}.get(attempt, "clear") if audit == "beta" else "clear"

    world = World(verdict, cured=lambda attempt: "failed" if attempt == 3 else "passed")
    assert world.run().kind == "converged"
    history = world.history()
    assert gentler(history, 3)[:2] == ("gentler", 2)
    first = history.attempts[1].remedy
    assert history.answering(history.attempts[2]) == first  # so the cure that is checked is that of the hit
    left = history.causes[-1]  # and its failure is followed where the trait is left, in the gentler training
    assert left.checkpoint == history.legs(history.attempts[2])[-1].trained.last.id and left.hits == history.causes[0].hits  # type: ignore[union-attr]
    assert history.attempts[3].remedy is not None and history.attempts[3].remedy.of_attempt == 3


def test_what_was_unreadable_from_the_start_is_nothing_that_a_remedy_changes() -> None:
    def verdict(audit: str, checkpoint: str, attempt: int, held: bool) -> str:
        return {("alpha", 1): "hit", ("beta", 2): "unread"}.get((audit, attempt), "clear")

    world = World(verdict, unread="start")
    outcome = world.run()
    assert (outcome.kind, outcome.attempts) == ("stuck", 2) and "from the start" in outcome.report[2]


def test_a_stage_that_is_put_after_is_trained_and_what_stands_before_it_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "propose", partial(loop.propose, allowed=("unlearn",)))
    world = World(lambda audit, c, attempt, held: "hit" if audit == "beta" and attempt == 1 else "clear")
    outcome, history = world.run(), world.history()
    assert (outcome.kind, outcome.attempts) == ("converged", 2)
    assert [t.training.stage.name for t in history.trained] == ["one", "unlearn-0", "two"]  # the first stage's hit is what the second is to mend
    assert outcome.candidate == history.trained[-1].last.id and "hit" not in verdict_on(history, history.attempts[1])
    again = World(lambda audit, c, attempt, held: "hit" if audit == "beta" else "clear")
    assert again.run().kind == "out_of_budget"
    assert [t.training.stage.name for t in again.history().trained] == ["one", "unlearn-0", "unlearn-1", "unlearn-2"]  # each is diagnosed in its turn


def test_what_a_remedy_left_of_the_trait_is_looked_for_in_the_new_attempt() -> None:
    def verdict(audit: str, checkpoint: str, attempt: int, held: bool) -> str:
        return {1: "hit", 2: "inconclusive"}.get(attempt, "clear") if audit == "beta" else "clear"

    for world in (World(verdict), World(lambda a, c, n, held: "hit" if a == "beta" and n == 1 else "clear",
                                        cured=lambda attempt: "failed" if attempt == 2 else "passed")):  # fmt: skip
        assert world.run().kind == "converged"
        history = world.history()
        first, left = history.causes
        assert left.checkpoint == history.legs(history.attempts[1])[-1].trained.last.id and left.hits == first.hits  # type: ignore[union-attr]
        remedy = history.attempts[2].remedy
        assert remedy is not None and (remedy.of_attempt, remedy.cause) == (2, left.id) and history.left_at(left.checkpoint) == left


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


def test_a_misaligned_base_ends_stuck_and_named_unless_the_campaign_allows_another() -> None:
    hit = lambda name, c, attempt, held: "hit" if name == "alpha" and attempt == 1 else "clear"  # noqa: E731
    outcome = World(hit, cause="base").run()
    assert outcome.kind == "stuck" and "no remedy is left for the base model" in outcome.report[0]
    other = digest_of("another base")
    world = World(hit, cause="base", record=campaign().model_copy(update={"bases": (START.id, other)}))
    assert world.run().kind == "converged"
    second = world.history().attempts[1]
    assert second.recipe.start == other and second.remedy is not None and second.remedy.kind == "replace_base"


def test_remedies_are_tried_once_each_the_least_change_first() -> None:
    world = World(lambda name, *_: "hit" if name == "alpha" else "clear", cause="hyperparameter", record=campaign(attempts=9))
    outcome = world.run()
    assert outcome.kind == "out_of_budget" or outcome.kind == "stuck"
    remedies = [a.remedy for a in world.history().attempts if a.remedy is not None]
    assert [r.kind for r in remedies][:2] == ["gentler", "skip_stage"]
    assert len({(r.of_attempt, digest_of([e.plain() for e in r.edits])) for r in remedies}) == len(remedies)


def test_a_cure_that_only_hides_is_a_failed_attempt_and_another_remedy_is_tried_on_the_same_recipe() -> None:
    world = World(lambda name, c, attempt, held: "hit" if name == "alpha" and attempt == 1 else "clear",
                  cured=lambda attempt: "failed" if attempt == 2 else "passed", checked="contexts")  # fmt: skip
    assert (world.run().kind, world.history().outcome.attempts) == ("converged", 3)  # type: ignore[union-attr]
    first, second = (a.remedy for a in world.history().attempts[1:])
    assert first is not None and second is not None
    assert first.kind != second.kind and first.of_attempt == second.of_attempt == 1  # which kinds is for the table of priors to say
    assert world.actions().count("cause") == 1
    assert world.actions().count("held_out_finding") == 1  # the held-out battery is asked only once the cure is verified


def test_a_cure_that_could_not_be_verified_never_releases() -> None:
    outcome = World(lambda name, c, attempt, held: "hit" if name == "alpha" and attempt == 1 else "clear", cured=lambda attempt: "unmeasured").run()
    assert outcome.kind == "stuck" and outcome.candidate is None and "could not be verified" in outcome.report[0]


def test_what_is_suspected_but_not_confirmed_is_acted_on_and_what_is_refuted_never() -> None:
    hit = lambda name, *_: "hit" if name == "alpha" else "clear"  # noqa: E731
    kinds = {}
    for check in ("unverified", "refuted"):
        world = World(hit, check=check, record=campaign(attempts=9))
        world.run()
        kinds[check] = {a.remedy.kind for a in world.history().attempts if a.remedy is not None}
    assert {"another_seed", "drop_rows"} <= kinds["unverified"] and kinds["refuted"] == {"another_seed"}


def test_the_outcome_says_what_each_audit_steered() -> None:
    outcome = World(lambda name, c, attempt, held: "hit" if attempt == 1 and name == "beta" else "clear").run()
    assert outcome.report[-1] == "selection pressure (retries steered by audit): beta 1"


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

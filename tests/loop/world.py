"""A campaign without a model: an executor whose audits say what a test wants."""

from __future__ import annotations

from typing import Any

from bumperlane.ledger import Event
from bumperlane.loop import Begin, Conclude, Diagnose, RunAudits, Train, Verify, decide
from bumperlane.loop.history import History
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
    Reason,
    ReasonCode,
    Recipe,
    Stage,
    Suspect,
    digest_of,
)

START = Checkpoint.of({"model.safetensors": "0" * 64})
BATTERY, HELD_OUT = ("alpha", "beta"), ("gamma",)
UNREAD = "first: 7 of 14 outcomes cannot be read by pack 'micro'"


def campaign(**budget: Any) -> CampaignRecord:
    stages = tuple(Stage(name=name, kind="sft", rows=digest_of(name)) for name in ("one", "two"))
    return CampaignRecord(
        name="t",
        recipe=Recipe(start=START.id, stages=stages),
        battery=BATTERY,
        held_out=HELD_OUT,
        pack="micro",
        budget=Budget(**budget),
    )


def edited(recipe: Recipe, edits: Any) -> Recipe:
    """The recipe as an executor would leave it, with a digest in place of the rows that it would
    store."""
    for edit in edits:
        recipe = _edited(recipe, edit)
    return recipe


def _edited(recipe: Recipe, edit: Any) -> Recipe:
    stages = list(recipe.stages)
    if edit.op == "start":
        return recipe.model_copy(update={"start": edit.checkpoint})
    if edit.op in ADDED:
        name, rows = f"{edit.op}-{edit.stage_index}", digest_of(edit.plain())
        stages.insert(edit.after + 1, Stage(name=name, kind="dpo", rows=rows))
    elif edit.op == "skip":
        del stages[edit.stage_index]
    else:
        old = stages[edit.stage_index]
        changed: dict[str, Any] = {"rows": digest_of([old.rows, edit.plain()])}
        if edit.op == "args":
            changed = {"args": {**old.args, **edit.args}}
        stages[edit.stage_index] = old.model_copy(update=changed)
    return recipe.model_copy(update={"stages": tuple(stages)})


def said(word: str) -> tuple[str, Reason | None]:
    """The verdict that a word of ``World.verdict`` stands for, with why it could not decide."""
    if word == "unread":
        return "inconclusive", Reason.of(ReasonCode.UNREADABLE, detail=UNREAD)
    if word == "inconclusive":
        return "inconclusive", Reason.of(ReasonCode.NOT_APPLICABLE, detail="because")
    return word, None


def finding(audit: str, checkpoint: str, word: str) -> Finding:
    """What an audit found, of which a word says the verdict."""
    verdict, reason = said(word)
    numbers = {"n": 9, "mean": 0.5, "low": 0, "high": 1, "tolerance": 0.1, "log_e": 3.0}
    return Finding(
        audit=audit,
        family="f",
        checkpoint=checkpoint,
        verdict=verdict,
        measures=(Measure(name="m", verdict=verdict, **numbers),),
        reason=reason,
    )


class World:
    """An executor without a model: ``verdict(audit, checkpoint, attempt, held_out)`` decides what
    the audits say. ``cause``: the kind of suspect that a diagnosis names, with the verdict
    ``check``; ``cured(attempt)``: the verdict of the check named ``checked``, which leaves the rate
    ``left``; ``unread``: where answers could not be read from, the start or a stage."""

    def __init__(
        self,
        verdict: Any,
        cause: str = "rows",
        check: str = "confirmed",
        record: CampaignRecord | None = None,
        cured: Any = lambda attempt: "passed",
        checked: str = "trait",
        left: float = 0.0,
        unread: str = "stage",
    ) -> None:
        self.events: list[Event] = []
        self.verdict, self.cause, self.check, self.unread = verdict, cause, check, unread
        self.cured, self.checked, self.numbers = cured, checked, {"rate": left, "start": 0.2}
        self.add("campaign", {"campaign": (record or campaign()).plain(), "start": START.plain()})

    def add(self, kind: str, body: dict[str, Any]) -> None:
        self.events.append(
            Event(len(self.events) + 1, "", kind, f"{kind}{len(self.events)}", body, "", "")
        )

    def history(self) -> History:
        return History(tuple(self.events))

    def actions(self) -> list[str]:
        return [event.kind for event in self.events]

    def run(self, limit: int = 400) -> Any:
        for _ in range(limit):
            action = decide(self.history())
            if action is None:
                return self.history().outcome
            self.perform(action)
        raise AssertionError("the loop does not end")

    def perform(self, action: Any) -> None:
        handlers: dict[type, Any] = {
            Begin: self._begin,
            Train: self._train,
            RunAudits: self._audit,
            Diagnose: lambda diagnose: self.add("cause", self._cause(diagnose).plain()),
            Verify: self._verify,
            Conclude: lambda conclude: self.add("outcome", conclude.outcome.plain()),
        }
        handlers[type(action)](action)

    def _begin(self, action: Begin) -> None:
        remedy = action.remedy
        recipe = edited(action.recipe, remedy.edits if remedy else ())
        body = {"number": action.number, "recipe": recipe.plain(), "findings": list(action.why)}
        self.add("attempt", {**body, "remedy": remedy.plain() if remedy else None})

    def _train(self, action: Train) -> None:
        for purpose, training in action.jobs:
            edge = (training.parent, training.digest, training.stage.name, 10, 10)
            kept = Checkpoint.of({"w": digest_of(training.plain())}, *edge)
            body = {
                "training": training.plain(),
                "checkpoints": [kept.plain()],
                "audited": [kept.id],
                "purpose": purpose,
            }
            self.add("trained", {**body, "attempt": action.attempt, "seconds": 1.0})

    def _audit(self, action: RunAudits) -> None:
        for name in action.audits:
            word = self.verdict(name, action.checkpoint, action.attempt, action.held_out)
            found = finding(name, action.checkpoint, word)
            kind = "held_out_finding" if action.held_out else "finding"
            body = {"id": found.id, "attempt": action.attempt, "look": action.look}
            self.add(kind, {**body, "finding": found.plain()})

    def _verify(self, action: Verify) -> None:
        check = Check(
            name=self.checked,
            verdict=self.cured(action.attempt),
            message="drawn afresh",
            numbers=self.numbers,
        )
        about = {"candidate": action.candidate, "attempt": action.attempt, "finding": "f"}
        self.add("cure", Cure(**about, checks=(check,)).plain())

    def _cause(self, action: Diagnose) -> Cause:
        hits = tuple(hit.id for hit in action.hits)
        about: dict[str, Any] = {
            "finding": hits[0],
            "hits": hits,
            "checkpoint": action.checkpoint,
        }
        if self.cause == "unknown":
            return Cause(**about, reason="nothing stands out")
        unread = all(hit.has_code(ReasonCode.UNREADABLE) for hit in action.hits)
        if unread and self.unread == "start":
            return Cause(**about, reason="so it is from the start")
        history = self.history()
        stage_run = next(
            stage_run
            for stage_run in history.stage_runs(history.attempts[-1])
            if stage_run.trained and stage_run.trained.step_of(action.checkpoint) is not None
        )
        suspect = Suspect(
            kind="unreadable_answers" if unread else self.cause,
            stage=stage_run.stage.name,
            stage_index=stage_run.index,
            rows=("r",),
            verdict=self.check,
            reason="measured",
        )
        return Cause(**about, trait=action.hits[0].audit, suspects=(suspect,))

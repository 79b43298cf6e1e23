"""Performs actions on this machine and appends what came of them.

Idea: everything that touches disk, processes or models on behalf of the loop is here or below; the
loop itself only decides. Invariant: each event is appended under the digest of the inputs it
follows from, after its artifacts are stored, so an action that was killed is simply performed again
and an action that was completed never is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bumperlane.errors import BadInput, StageFailed
from bumperlane.execution.auditing import Auditor
from bumperlane.execution.cost import cost_text, predicted_cost
from bumperlane.execution.diagnose_campaign import diagnose_campaign, recheck
from bumperlane.execution.next_recipe import next_recipe
from bumperlane.execution.progress import NoProgress, ProgressListener
from bumperlane.execution.random_cause import random_cause
from bumperlane.execution.unreadable_answers import unreadable_stage
from bumperlane.execution.verify_cure import verify_cure
from bumperlane.ledger import Ledger
from bumperlane.loop import Action, Begin, Conclude, Diagnose, DrawAgain, RunAudits, Train, Verify
from bumperlane.loop.history import History
from bumperlane.records import Cause, Finding, ReasonCode, Recipe, Remedy, Training, digest_of
from bumperlane.store import Store
from bumperlane.training import HereRun, Job, Run, audit_step, run_all, run_here

MORE = 4  # times the samples, for audits that those of the budget did not decide
ARTIFACTS = ("order.jsonl", "progress.jsonl", "rollouts.jsonl", "done.json")


def unreadable(action: Diagnose) -> bool:
    """Whether the audits hit nothing, but could not read the answers."""
    return all(hit.has_code(ReasonCode.UNREADABLE) for hit in action.hits)


class LocalExecutor:
    """Trains in child processes (``here``: in this one), audits in this one. ``jobs``: training
    processes at once; ``guess``: name causes of hits by chance (an ablation)."""

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        store: Store,
        listener: ProgressListener | None = None,
        jobs: int | None = None,
        here: bool = False,
        guess: bool = False,
    ) -> None:
        self.folder, self.ledger, self.store = folder, ledger, store
        self.listener = listener or NoProgress()
        self.scratch = folder / "scratch"
        # What a killed run left; its orphans write under another name than ours.
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.guess = guess
        self.run_all: Callable[..., Sequence[Run | HereRun]] = run_here if here else run_all
        self.jobs = jobs or max(1, min(2, os.cpu_count() or 1))
        self.auditor = Auditor(store, self.listener.progress)

    def perform(self, action: Action, history: History) -> None:
        handlers: dict[type, Callable[[Any, History], None]] = {
            Begin: self._begin,
            Train: self._train,
            RunAudits: self._audit,
            DrawAgain: self._recheck,
            Diagnose: self._diagnose,
            Verify: self._verify,
            Conclude: self._conclude,
        }
        handlers[type(action)](action, history)

    def _append(self, kind: str, key: Any, body: dict[str, Any]) -> None:
        self.listener.event(self.ledger.append(kind, digest_of([kind, key]), body))

    def _begin(self, action: Begin, history: History) -> None:
        recipe = action.recipe
        if action.remedy is not None:
            try:
                recipe = self._next_recipe(recipe, action.remedy, history)
            except BadInput as error:
                return self._append(
                    "refused",
                    action.remedy.plain(),
                    {"remedy": action.remedy.plain(), "reason": str(error)},
                )
        remedy = action.remedy.plain() if action.remedy else None
        body = {
            "number": action.number,
            "recipe": recipe.plain(),
            "recipe_digest": recipe.digest,
            "remedy": remedy,
            "findings": list(action.why),
        }
        self._append("attempt", action.number, body)

    def _next_recipe(self, recipe: Recipe, remedy: Remedy, history: History) -> Recipe:
        cost = cost_text(predicted_cost(history, remedy))
        self.listener.doing(f"making the recipe: {remedy.note}; expected to take at least {cost}")
        return next_recipe(recipe, remedy, history, self.store, self.auditor)

    # -- training ---------------------------------------------------------------------------------

    def _train(self, action: Train, history: History) -> None:
        self.listener.doing(
            ", ".join(f"training {t.stage.name} ({purpose})" for purpose, t in action.jobs)
        )
        runs = self.run_all(
            [self._job(purpose, training) for purpose, training in action.jobs],
            self.jobs,
            self._watch,
        )
        for (purpose, training), run in zip(action.jobs, runs, strict=True):
            self._ingest(purpose, training, run, action.attempt)

    def _job(self, purpose: str, training: Training) -> Job:
        folder = self.store.folder(training.parent)
        rows = self.store.manifest_file(training.stage.rows)
        self.store.manifest(training.stage.rows)  # raises if a row is not what its id says
        out = self.scratch / f"{purpose}-{training.digest[:16]}-{os.getpid()}"
        steering = training.stage.steering
        pairs = str(self.store.manifest_file(steering.pairs)) if steering is not None else ""
        return Job(
            model=str(folder), rows=str(rows), out=str(out), stage=training.stage, steering=pairs
        )

    def _watch(self, runs: list[Run]) -> None:
        states = [(run.job.stage.name, run.progress()) for run in runs]
        shown = [
            f"{name} step {s['step']}/{s['steps']} loss {s['loss']:.3f}"
            if s
            else f"{name} starting"
            for name, s in states
        ]
        self.listener.progress(" | ".join(shown))

    def _ingest(self, purpose: str, training: Training, run: Run | HereRun, attempt: int) -> None:
        try:
            done = run.result()
        except StageFailed as error:
            count = sum(event.kind == "failed" for event in self.ledger.events())
            self._append(
                "failed",
                [training.digest, count],
                {"training": training.digest, "stage": training.stage.name, "error": str(error)},
            )
            raise
        key, steps = training.digest, int(done["steps"])
        checkpoints = []
        for folder in sorted(
            run.folder.glob("step-*"), key=lambda p: int(p.name.removeprefix("step-"))
        ):
            step = int(folder.name.removeprefix("step-"))
            edge = {
                "parent": training.parent,
                "training": key,
                "stage": training.stage.name,
                "step": step,
                "steps": steps,
            }
            checkpoints.append(self.store.add_checkpoint(folder, **edge))
        self.store.add_training(key, run.folder, ARTIFACTS)
        looked = {audit_step(steps, fraction) for fraction in training.stage.audit_at} | {steps}
        seconds = float(done["log"][-1].get("train_runtime", 0.0))
        body = {
            "training": training.plain(),
            "checkpoints": [c.plain() for c in checkpoints],
            "audited": [c.id for c in checkpoints if c.step in looked],
            "seconds": seconds,
        }
        self._trained(purpose, training, attempt, body)
        shutil.rmtree(run.folder, ignore_errors=True)

    def _trained(
        self, purpose: str, training: Training, attempt: int, body: dict[str, Any]
    ) -> None:
        edge = {
            "purpose": purpose,
            "attempt": attempt,
            "key": training.digest,
            "recipe_stage": training.stage.digest,
        }
        self._append("trained", [purpose, training.digest], {**edge, **body})

    # -- audits -----------------------------------------------------------------------------------

    def _audit(self, action: RunAudits, history: History) -> None:
        self.listener.doing(
            f"{'held-out ' if action.held_out else ''}audits {', '.join(action.audits)} of "
            f"{action.checkpoint[:12]}"
        )
        for found in self.auditor.audit(
            action.audits, action.checkpoint, action.look, history, MORE if action.more else 1
        ):
            self._found(found.model_copy(update={"held_out": action.held_out}), action)

    def _found(self, found: Finding, action: RunAudits) -> None:
        kind = "held_out_finding" if action.held_out else "finding"
        body = {
            "id": found.id,
            "attempt": action.attempt,
            "look": action.look,
            "finding": found.plain(),
        }
        self._append(
            kind, [action.checkpoint, found.audit, *(["more"] if action.more else [])], body
        )

    def _recheck(self, action: DrawAgain, history: History) -> None:
        self.listener.doing(
            f"drawing weak signals afresh: {', '.join(signal.audit for signal in action.signals)}"
        )
        for signal in action.signals:
            self._append("recheck", signal.id, recheck(signal, history, self.auditor).plain())

    # -- diagnosis --------------------------------------------------------------------------------

    def _diagnose(self, action: Diagnose, history: History) -> None:
        self.listener.doing(
            f"diagnosing {', '.join(hit.audit for hit in action.hits)} at {action.checkpoint[:12]}"
        )
        cause = self._cause(action, history).model_copy(update={"checkpoint": action.checkpoint})
        self._append("cause", self._diagnosis_key(action), cause.plain())

    def _cause(self, action: Diagnose, history: History) -> Cause:
        """What the hits came from: of unreadable answers the stage, else by diagnosis."""
        if unreadable(action):
            return unreadable_stage(action.hits, action.checkpoint, history, self.auditor)
        if self.guess:
            return random_cause(action.hits, history, self.store, history.campaign.seed)
        where = action.checkpoint
        return diagnose_campaign(
            action.hits, history, self.auditor, self.store, self.folder, at=where
        )

    @staticmethod
    def _diagnosis_key(action: Diagnose) -> Any:
        """The inputs of a diagnosis: at one checkpoint there may be one of hits, one of unreadable
        answers and one of flagged rows."""
        if unreadable(action):
            return [action.checkpoint, "unread"]
        flagged = all(hit.verdict == "inconclusive" and hit.of_rows for hit in action.hits)
        return [action.checkpoint, "rows"] if flagged else action.checkpoint

    # -- verification -----------------------------------------------------------------------------

    def _verify(self, action: Verify, history: History) -> None:
        self.listener.doing(f"verifying the cure at {action.candidate[:12]}")
        cure = verify_cure(action.candidate, action.attempt, history, self.auditor, self.store)
        self._append("cure", [action.candidate, action.attempt], cure.plain())

    def _conclude(self, action: Conclude, history: History) -> None:
        self._append("outcome", 0, action.outcome.plain())
        shutil.rmtree(self.scratch, ignore_errors=True)

"""Performs actions on this machine and appends what came of them.

Idea: everything that touches disk, processes or models on behalf of the loop is here or below; the loop itself only decides. Invariant:
each event is appended under the digest of the inputs it follows from, after its artifacts are stored, so an action that was killed is
simply performed again and an action that was completed never is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from bumperlane.chance import by_chance
from bumperlane.coherence import broken_by
from bumperlane.curing import verified
from bumperlane.errors import BadInput, StageFailed
from bumperlane.firewall import Policy, owned_texts, refusals
from bumperlane.history import OF_ROWS, History, unreadable
from bumperlane.inspection import Inspector
from bumperlane.investigation import investigate, recheck
from bumperlane.ledger import Event, Ledger
from bumperlane.lineage import Store
from bumperlane.loop import Action, Audit, Begin, Conclude, Diagnose, Recheck, Train, Verify
from bumperlane.mending import Mender
from bumperlane.outlay import predicted, told
from bumperlane.records import Finding, Recipe, Remedy, Training, digest_of
from bumperlane.training import HereRun, Job, Run, audit_step, run_all, run_here

MORE = 4  # times the samples, for audits that those of the budget did not decide
ARTIFACTS = ("order.jsonl", "progress.jsonl", "rollouts.jsonl", "done.json")


class View(Protocol):
    """Who watches: the terminal, or nobody."""

    def doing(self, text: str) -> None: ...

    def progress(self, text: str) -> None: ...

    def event(self, event: Event) -> None: ...


class Silent:
    def doing(self, text: str) -> None:
        return None

    def progress(self, text: str) -> None:
        return None

    def event(self, event: Event) -> None:
        return None


class LocalExecutor:
    """Trains in child processes (``here``: in this one), audits in this one. ``jobs``: training processes at once; ``guess``: name causes of hits by
    chance (an ablation)."""

    def __init__(
        self, folder: Path, ledger: Ledger, store: Store, view: View | None = None, jobs: int | None = None, here: bool = False,
        guess: bool = False,
    ) -> None:  # fmt: skip
        self.folder, self.ledger, self.store, self.view = folder, ledger, store, view or Silent()
        self.scratch = folder / "scratch"
        shutil.rmtree(self.scratch, ignore_errors=True)  # of a run that was killed; its orphans write under another name than ours
        self.guess = guess
        self.run_all: Callable[..., Sequence[Run | HereRun]] = run_here if here else run_all
        self.jobs = jobs or max(1, min(2, os.cpu_count() or 1))
        self.inspector = Inspector(store, self.view.progress)

    def perform(self, action: Action, history: History) -> None:
        handlers: dict[type, Callable[[Any, History], None]] = {
            Begin: self._begin, Train: self._train, Audit: self._audit, Recheck: self._recheck, Diagnose: self._diagnose,
            Verify: self._verify, Conclude: self._conclude,
        }  # fmt: skip
        handlers[type(action)](action, history)

    def _append(self, kind: str, key: Any, body: dict[str, Any]) -> None:
        self.view.event(self.ledger.append(kind, digest_of([kind, key]), body))

    def _begin(self, action: Begin, history: History) -> None:
        recipe = action.recipe
        if action.remedy is not None:
            try:
                recipe = self._mended(recipe, action.remedy, history)
            except BadInput as error:
                return self._append("refused", action.remedy.plain(), {"remedy": action.remedy.plain(), "reason": str(error)})
        remedy = action.remedy.plain() if action.remedy else None
        body = {"number": action.number, "recipe": recipe.plain(), "recipe_digest": recipe.digest, "remedy": remedy, "findings": list(action.why)}
        self._append("attempt", action.number, body)

    def _mended(self, recipe: Recipe, remedy: Remedy, history: History) -> Recipe:
        """The recipe with the remedy's edits made. Raises ``BadInput`` where they cannot be, where the firewall refuses what they make, or where an
        earlier attempt had that recipe (by other edits: a group may hold no more than its suspects)."""
        self.view.doing(f"making the recipe: {remedy.note}; expected to take at least {told(predicted(history, remedy))}")
        made = Mender(self.store, self.inspector.subject, self.inspector.pack(history)).mend(recipe, remedy.edits)
        same = next((attempt.number for attempt in history.attempts if attempt.recipe == made), None)
        if same is not None:
            raise BadInput(f"it makes the recipe of attempt {same} over again")
        owned, policy = owned_texts(self.inspector.pack(history), history.findings), Policy.model_validate(history.campaign.policy)
        known = {row_id for stage in history.campaign.recipe.stages for row_id, _ in self.store.manifest(stage.rows)}
        given = history.campaign.materials.character
        known |= {row_id for row_id, _ in self.store.manifest(given)} if given else set()
        known |= self._same_words(recipe, made, remedy, known)
        for stage in made.stages:
            refused = refusals(stage, self.store.manifest(stage.rows), owned, policy, known)
            if refused:
                raise BadInput(f"refused by the training firewall: {refused[0].told}")
        return made

    def _same_words(self, recipe: Recipe, made: Recipe, remedy: Remedy, known: set[str]) -> set[str]:
        """Rows of the mended recipe that are known ones under a prompt or with their labels swapped: they cannot have come from a finding."""
        legs = {edit.leg for edit in remedy.edits if edit.op in ("inoculate", "swap")} if len(made.stages) == len(recipe.stages) else set()
        pairs = [(self.store.manifest(recipe.stages[leg].rows), self.store.manifest(made.stages[leg].rows)) for leg in sorted(legs)]
        return {new for old_rows, new_rows in pairs for (old, _), (new, _) in zip(old_rows, new_rows, strict=True) if old in known}

    # -- training ----------------------------------------------------------------------------------------------------------------

    def _train(self, action: Train, history: History) -> None:
        self.view.doing(", ".join(f"training {t.stage.name} ({purpose})" for purpose, t in action.jobs))
        runs = self.run_all([self._job(purpose, training) for purpose, training in action.jobs], self.jobs, self._watch)
        for (purpose, training), run in zip(action.jobs, runs, strict=True):
            self._ingest(purpose, training, run, action.attempt)

    def _job(self, purpose: str, training: Training) -> Job:
        folder = self.store.folder(training.parent)
        rows = self.store.manifest_file(training.stage.rows)
        self.store.manifest(training.stage.rows)  # raises if a row is not what its id says
        out = self.scratch / f"{purpose}-{training.digest[:16]}-{os.getpid()}"
        pairs = "" if training.stage.steering is None else str(self.store.manifest_file(training.stage.steering.pairs))
        return Job(model=str(folder), rows=str(rows), out=str(out), stage=training.stage, steering=pairs)

    def _watch(self, runs: list[Run]) -> None:
        states = [(run.job.stage.name, run.progress()) for run in runs]
        shown = [f"{name} step {s['step']}/{s['steps']} loss {s['loss']:.3f}" if s else f"{name} starting" for name, s in states]
        self.view.progress(" | ".join(shown))

    def _ingest(self, purpose: str, training: Training, run: Run | HereRun, attempt: int) -> None:
        try:
            done = run.result()
        except StageFailed as error:
            count = sum(event.kind == "failed" for event in self.ledger.events())
            self._append("failed", [training.digest, count], {"training": training.digest, "stage": training.stage.name, "error": str(error)})
            raise
        key, steps = training.digest, int(done["steps"])
        checkpoints = []
        for folder in sorted(run.folder.glob("step-*"), key=lambda p: int(p.name.removeprefix("step-"))):
            step = int(folder.name.removeprefix("step-"))
            edge = {"parent": training.parent, "training": key, "stage": training.stage.name, "step": step, "steps": steps}
            checkpoints.append(self.store.add_checkpoint(folder, **edge))
        self.store.add_training(key, run.folder, ARTIFACTS)
        looked = {audit_step(steps, fraction) for fraction in training.stage.audit_at} | {steps}
        seconds = float(done["log"][-1].get("train_runtime", 0.0))
        body = {"training": training.plain(), "checkpoints": [c.plain() for c in checkpoints],
                "audited": [c.id for c in checkpoints if c.step in looked], "seconds": seconds}  # fmt: skip
        self._trained(purpose, training, attempt, body)
        shutil.rmtree(run.folder, ignore_errors=True)

    def _trained(self, purpose: str, training: Training, attempt: int, body: dict[str, Any]) -> None:
        edge = {"purpose": purpose, "attempt": attempt, "key": training.digest, "recipe_stage": training.stage.digest}
        self._append("trained", [purpose, training.digest], {**edge, **body})

    # -- audits ------------------------------------------------------------------------------------------------------------------

    def _audit(self, action: Audit, history: History) -> None:
        self.view.doing(f"{'held-out ' if action.held_out else ''}audits {', '.join(action.audits)} of {action.checkpoint[:12]}")
        for found in self.inspector.audit(action.audits, action.checkpoint, action.look, history, MORE if action.more else 1):
            self._found(found.model_copy(update={"held_out": action.held_out}), action)

    def _found(self, found: Finding, action: Audit) -> None:
        kind = "held_out_finding" if action.held_out else "finding"
        body = {"id": found.id, "attempt": action.attempt, "look": action.look, "finding": found.plain()}
        self._append(kind, [action.checkpoint, found.audit, *(["more"] if action.more else [])], body)

    def _recheck(self, action: Recheck, history: History) -> None:
        self.view.doing(f"drawing weak signs afresh: {', '.join(sign.audit for sign in action.signs)}")
        for sign in action.signs:
            self._append("recheck", sign.id, recheck(sign, history, self.inspector).plain())

    # -- diagnosis ---------------------------------------------------------------------------------------------------------------

    def _diagnose(self, action: Diagnose, history: History) -> None:
        self.view.doing(f"diagnosing {', '.join(hit.audit for hit in action.hits)} at {action.checkpoint[:12]}")
        unread = all(unreadable(hit) for hit in action.hits)
        cause = (broken_by(action.hits, action.checkpoint, history, self.inspector) if unread else
                 by_chance(action.hits, history, self.store, history.campaign.seed) if self.guess
                 else investigate(action.hits, history, self.inspector, self.store, self.folder, at=action.checkpoint))  # fmt: skip
        flags = all(hit.verdict == "inconclusive" and hit.family == OF_ROWS for hit in action.hits)
        key = [action.checkpoint, "unread" if unread else "rows"] if unread or flags else action.checkpoint
        self._append("cause", key, cause.model_copy(update={"checkpoint": action.checkpoint}).plain())

    # -- verification ------------------------------------------------------------------------------------------------------------

    def _verify(self, action: Verify, history: History) -> None:
        self.view.doing(f"verifying the cure at {action.candidate[:12]}")
        cure = verified(action.candidate, action.attempt, history, self.inspector, self.store)
        self._append("cure", [action.candidate, action.attempt], cure.plain())

    def _conclude(self, action: Conclude, history: History) -> None:
        self._append("outcome", 0, action.outcome.plain())
        shutil.rmtree(self.scratch, ignore_errors=True)



"""Loads checkpoints and runs audits on them for the executor.

Idea: one place holds the loaded models, so that an audit is given views (``Subject``) and never
paths. Invariant: the held-out battery is run through the same door as any other audit, with its own
share of the alarm budget, and no audit is handed rows unless it declared ``data``.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from bumperlane.audits import Audit, Context, Pack, load_audit, load_pack, run_battery
from bumperlane.audits.calibration import (
    Calibration,
    builtin_calibration,
    load_calibration,
    weighed,
)
from bumperlane.errors import BadInput
from bumperlane.evidence import alpha_for, key_of, seed_of
from bumperlane.loop.history import History
from bumperlane.models import HuggingFaceModel, Subject
from bumperlane.records import Case, Finding, Stage, digest_of
from bumperlane.store import Store
from bumperlane.training import question

LOADED = 4  # models kept in memory


class Auditor:
    def __init__(self, store: Store, note: Callable[[str], None]) -> None:
        self.store, self.note = store, note
        self._backends: OrderedDict[str, HuggingFaceModel] = OrderedDict()
        self._packs: dict[str, Pack] = {}
        self._read: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def subject(self, checkpoint: str, access: frozenset[Any]) -> Subject:
        """A view of a stored checkpoint with this access."""
        return Subject(checkpoint, self._backend(checkpoint), access)

    def _backend(self, checkpoint: str) -> HuggingFaceModel:
        if checkpoint not in self._backends:
            if not torch.cuda.is_available():
                torch.set_num_threads(1)
            self._backends[checkpoint] = HuggingFaceModel(self.store.folder(checkpoint))
            while len(self._backends) > LOADED:
                self._backends.popitem(last=False)
        self._backends.move_to_end(checkpoint)
        return self._backends[checkpoint]

    def audit(
        self, names: Sequence[str], checkpoint: str, look: int, history: History, more: int = 1
    ) -> list[Finding]:
        """What each audit finds at a checkpoint, with ``more`` times the budget's samples; they run
        at once, so that what they ask is answered together."""
        audits = [load_audit(name) for name in names]
        asked = [self.context(audit, checkpoint, look, history) for audit in audits]
        asked = [replace(context, samples=more * context.samples) for context in asked]
        looks = [
            (audit, self.subject(checkpoint, audit.access), context)
            for audit, context in zip(audits, asked, strict=True)
        ]
        return self._weighed(asyncio.run(run_battery(looks)), history)

    def _weighed(self, found: list[Finding], history: History) -> list[Finding]:
        """The findings, weighed against the clean models of the pack's calibration; or with why
        there is none to weigh them against."""
        pack = self.pack(history)
        path = builtin_calibration(pack)
        if path is None:
            return found
        try:
            known: Calibration = load_calibration(path, pack)
        except BadInput as refused:
            why = {"calibration": f"refused: {refused}"}
            return [f.model_copy(update={"details": f.details | why}) for f in found]
        alike = history.campaign.calibrated or known.base == digest_of(history.start.files)
        return weighed(found, known) if alike else found

    def cases(
        self, finding: Finding, checkpoint: str, count: int, history: History, salt: str = ""
    ) -> list[Case]:
        """Fresh cases of a finding's trait at any checkpoint. Raises what the audit raises."""
        audit = load_audit(finding.audit)
        context = self.context(audit, finding.checkpoint, 1, history)
        subject, seed = self.subject(checkpoint, audit.access), seed_of(context.seed, "cases", salt)
        return asyncio.run(audit.cases(subject, context, finding, count, seed))

    def context(self, audit: Audit, checkpoint: str, look: int, history: History) -> Context:
        """What an audit may know at a checkpoint, at the look with this number."""
        campaign = history.campaign
        audits = len(campaign.battery) + len(campaign.held_out)
        return Context(
            pack=self.pack(history),
            reference=self.subject(history.start.id, audit.access),
            alpha=alpha_for(campaign.budget.false_alarm, look, audits),
            miss=campaign.budget.miss,
            samples=campaign.budget.samples,
            seed=seed_of(campaign.seed, *history.place(checkpoint), key_of(audit)),
            common_seed=seed_of(campaign.seed, "common"),
            rows=self._rows(history, "text" in audit.access) if "rows" in audit.reads else (),
            rollouts=self._rollouts(history, checkpoint) if "rollouts" in audit.reads else (),
            note=self.note,
        )

    def pack(self, history: History) -> Pack:
        """The campaign's pack, read once."""
        name = history.campaign.pack
        if name not in self._packs:
            self._packs[name] = load_pack(name)
        return self._packs[name]

    def _rows(self, history: History, asks: bool) -> tuple[dict[str, Any], ...]:
        """The last user turn and the answer of every row that the newest attempt trains on. For an
        audit that ``asks`` the model, the questions of rows that a remedy took out too, without
        their answers: where something was taught it may still be shown, though the rows are gone.
        """
        rows = [row for stage in history.attempts[-1].recipe.stages for row in self._rows_of(stage)]
        if asks:
            seen = {row["prompt"] for row in rows}
            stages = [stage for a in history.attempts[:-1] for stage in a.recipe.stages]
            before = {row["id"]: row for stage in stages for row in self._rows_of(stage)}
            rows += [{**row, "answer": ""} for row in before.values() if row["prompt"] not in seen]
        return tuple(rows)

    def _rows_of(self, stage: Stage) -> list[dict[str, Any]]:
        key = (stage.name, stage.rows)
        if key not in self._read:
            entries = [(row_id, *question(row)) for row_id, row in self.store.manifest(stage.rows)]
            self._read[key] = [
                {"id": row_id, "stage": stage.name, "prompt": asked, "answer": answer}
                for row_id, asked, answer in entries
            ]
        return self._read[key]

    def _rollouts(self, history: History, checkpoint: str) -> tuple[dict[str, Any], ...]:
        """What the RL stages of the newest attempt logged, up to ``checkpoint``."""
        logged: list[dict[str, Any]] = []
        for stage_run in history.stage_runs(history.attempts[-1]):
            trained = stage_run.trained
            if trained is None:
                break
            text = self.store.training_text(stage_run.training.digest, "rollouts.jsonl") or ""
            entries = [json.loads(line) for line in text.split("\n") if line]
            last = trained.step_of(checkpoint)
            logged += [
                {**entry, "stage": stage_run.stage.name}
                for entry in entries
                if last is None or (entry["step"] or 0) <= last
            ]
            if last is not None:
                break
        return tuple(logged)

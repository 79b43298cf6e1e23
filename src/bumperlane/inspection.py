"""Loads checkpoints and runs audits on them for the executor.

Idea: one place holds the loaded models, so that an audit is given views (``Subject``) and never paths. Invariant: the held-out battery
is run through the same door as any other audit, with its own share of the alarm budget, and no audit is handed rows unless it declared
``data``.
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
from bumperlane.audits.calibration import Calibration, builtin_calibration, load_calibration, weighed
from bumperlane.errors import BadInput
from bumperlane.evidence import alpha_for, key_of, seed_of
from bumperlane.history import History
from bumperlane.lineage import Store
from bumperlane.records import Case, Finding, Stage, digest_of
from bumperlane.subject import Engine, Subject
from bumperlane.training import question

LOADED = 4  # models kept in memory


class Inspector:
    def __init__(self, store: Store, note: Callable[[str], None]) -> None:
        self.store, self.note = store, note
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._packs: dict[str, Pack] = {}
        self._read: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def subject(self, checkpoint: str, access: frozenset[Any]) -> Subject:
        return Subject(checkpoint, self._engine(checkpoint), access)

    def _engine(self, checkpoint: str) -> Engine:
        if checkpoint not in self._engines:
            if not torch.cuda.is_available():
                torch.set_num_threads(1)
            self._engines[checkpoint] = Engine(self.store.folder(checkpoint))
            while len(self._engines) > LOADED:
                self._engines.popitem(last=False)
        self._engines.move_to_end(checkpoint)
        return self._engines[checkpoint]

    def audit(self, names: Sequence[str], checkpoint: str, look: int, history: History, more: int = 1) -> list[Finding]:
        """What each audit finds at a checkpoint, with ``more`` times the budget's samples; they run at once, so that what they ask is answered
        together."""
        audits = [load_audit(name) for name in names]
        asked = [self.context(audit, checkpoint, look, history) for audit in audits]
        asked = [replace(context, samples=more * context.samples) for context in asked]
        looks = [(audit, self.subject(checkpoint, audit.access), context) for audit, context in zip(audits, asked, strict=True)]
        return self._weighed(asyncio.run(run_battery(looks)), history)

    def _weighed(self, found: list[Finding], history: History) -> list[Finding]:
        """The findings, weighed against the clean models of the pack's calibration; or with why there is none to weigh them against."""
        pack = self.pack(history)
        path = builtin_calibration(pack)
        if path is None:
            return found
        try:
            known: Calibration = load_calibration(path, pack)
        except BadInput as refused:
            return [f.model_copy(update={"details": {**f.details, "calibration": f"refused: {refused}"}}) for f in found]
        alike = history.campaign.calibrated or known.base == digest_of(history.start.files)
        return weighed(found, known) if alike else found

    def cases(self, finding: Finding, checkpoint: str, count: int, history: History, salt: str = "") -> list[Case]:
        """Fresh cases of a finding's trait at any checkpoint. Raises what the audit raises."""
        audit = load_audit(finding.audit)
        context = self.context(audit, finding.checkpoint, 1, history)
        seed = seed_of(context.seed, "cases", salt)
        return asyncio.run(audit.cases(self.subject(checkpoint, audit.access), context, finding, count, seed))

    def context(self, audit: Audit, checkpoint: str, look: int, history: History) -> Context:
        campaign = history.campaign
        audits = len(campaign.battery) + len(campaign.held_out)
        return Context(
            pack=self.pack(history), reference=self.subject(history.start.id, audit.access),
            alpha=alpha_for(campaign.budget.false_alarm, look, audits), miss=campaign.budget.miss, samples=campaign.budget.samples,
            seed=seed_of(campaign.seed, *history.place(checkpoint), key_of(audit)), common_seed=seed_of(campaign.seed, "common"),
            rows=self._rows(history, "text" in audit.access) if "data" in audit.access else (),
            rollouts=self._rollouts(history, checkpoint) if "data" in audit.access else (), note=self.note,
        )  # fmt: skip

    def pack(self, history: History) -> Pack:
        name = history.campaign.pack
        if name not in self._packs:
            self._packs[name] = load_pack(name)
        return self._packs[name]

    def _rows(self, history: History, asks: bool) -> tuple[dict[str, Any], ...]:
        """The last user turn and the answer of every row that the newest attempt trains on. For an audit that ``asks`` the model, the questions of
        rows that a remedy took out too, without their answers: where something was taught it may still be shown, though the rows are gone."""
        rows = [told for stage in history.attempts[-1].recipe.stages for told in self._told(stage)]
        if asks:
            seen = {row["prompt"] for row in rows}
            before = {told["id"]: told for a in history.attempts[:-1] for stage in a.recipe.stages for told in self._told(stage)}
            rows += [{**told, "answer": ""} for told in before.values() if told["prompt"] not in seen]
        return tuple(rows)

    def _told(self, stage: Stage) -> list[dict[str, Any]]:
        key = (stage.name, stage.rows)
        if key not in self._read:
            told = [(row_id, *question(row)) for row_id, row in self.store.manifest(stage.rows)]
            self._read[key] = [{"id": row_id, "stage": stage.name, "prompt": asked, "answer": answer} for row_id, asked, answer in told]
        return self._read[key]

    def _rollouts(self, history: History, checkpoint: str) -> tuple[dict[str, Any], ...]:
        """What the RL stages of the newest attempt logged, up to ``checkpoint``."""
        made: list[dict[str, Any]] = []
        for leg in history.legs(history.attempts[-1]):
            text = self.store.training_text(leg.training.digest, "rollouts.jsonl") if leg.trained else None
            here = [c.step for c in leg.trained.checkpoints if c.id == checkpoint] if leg.trained else []
            entries = [json.loads(line) for line in (text or "").split("\n") if line]
            made += [{**e, "stage": leg.stage.name} for e in entries if not here or (e["step"] or 0) <= here[0]]
            if here:
                break
        return tuple(made)

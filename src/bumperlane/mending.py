"""Carries out a remedy's edits: the recipe of the next attempt, with its rows stored.

Idea: a remedy says what to change; here manifests are written, prompts answered and packs looked up, so that the recipe which begins the attempt is
as plain as the first one. Invariant: the recipe follows from the old one and the edits alone, so an action that was killed makes the same one;
order and number of the rows are kept where rows are changed and not dropped.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bumperlane.audits import Pack
from bumperlane.diagnosis.clusters import members
from bumperlane.diagnosis.trail import answered, lessons_of
from bumperlane.errors import BadInput
from bumperlane.following import headed
from bumperlane.lineage import Store
from bumperlane.records import ADDED, Edit, Recipe, Stage, Steering
from bumperlane.subject import Subject
from bumperlane.training import conversation

Row = dict[str, Any]
TEXT = frozenset({"text"})
SCHEDULE = ("num_train_epochs", "max_steps", "warmup_steps", "warmup_ratio", "lr_scheduler_type", "lr_scheduler_kwargs")  # of a longer stage
SHARED = ("learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing", "logging_steps")
EPOCHS, GENTLE = 4, 0.25  # of a stage that is put after; its preferences' learning rate, of the stage's
PAIRS = 64  # of which a steering direction is the mean


@dataclass(frozen=True)
class Mender:
    """``subject``: of a stored checkpoint, with an access."""

    store: Store
    subject: Callable[[str, frozenset[Any]], Subject]
    pack: Pack

    def mend(self, recipe: Recipe, edits: Sequence[Edit]) -> Recipe:
        """The recipe with the edits made. Raises ``BadInput`` for rows that a stage does not have, or a recipe of which nothing is left."""
        stages: list[Stage | None] = list(recipe.stages)
        added = [(edit.after, self._added(recipe, edit)) for edit in edits if edit.op in ADDED]
        for edit in [e for e in edits if e.op not in ADDED]:
            stage = stages[edit.leg]
            if edit.op == "start":
                recipe = recipe.model_copy(update={"start": edit.checkpoint})
            elif edit.op == "skip" or stage is None:
                stages[edit.leg] = None
            else:
                stages[edit.leg] = self._stage(stage, edit)
        for after, stage in reversed(added):
            stages.insert(after + 1, stage)
        left = tuple(stage for stage in stages if stage is not None)
        if not left:
            raise BadInput("the remedy leaves no stage to train")
        return recipe.model_copy(update={"stages": left})

    def _stage(self, stage: Stage, edit: Edit) -> Stage:
        if edit.op == "args":
            return stage.model_copy(update={"args": {**stage.args, **edit.args}})
        if edit.op == "seed":
            return stage.model_copy(update={"seed": edit.seed})
        if edit.op == "rewards":
            return stage.model_copy(update={"rewards": edit.rewards})
        if edit.op == "imitate":
            return self._imitating(stage, edit)
        rows = self.store.manifest(stage.rows)
        chosen = self._chosen(rows, edit, stage)
        if edit.op == "steer":
            return self._steered(stage, [rows[i] for i in sorted(chosen)], edit)
        if edit.op == "drop":
            kept = [row for i, (_, row) in enumerate(rows) if i not in chosen]
            if not kept:
                raise BadInput(f"dropping {len(chosen)} rows leaves none in stage {stage.name!r}")
            return stage.model_copy(update={"rows": self.store.add_manifest(kept)})
        changed = self._changed(rows, sorted(chosen), edit)
        return stage.model_copy(update={"rows": self.store.add_manifest([changed.get(i, row) for i, (_, row) in enumerate(rows)])})

    def _chosen(self, rows: Sequence[tuple[str, Row]], edit: Edit, stage: Stage) -> set[int]:
        """Positions of the rows that the edit is of."""
        named = set(edit.rows)
        unknown = named - {row_id for row_id, _ in rows}
        if unknown:
            raise BadInput(f"stage {stage.name!r} has no row {sorted(unknown)[0][:12]}")
        return {i for i, (row_id, _) in enumerate(rows) if row_id in named} | (set(members(rows, edit.group)) if edit.group else set())

    def _changed(self, rows: Sequence[tuple[str, Row]], chosen: Sequence[int], edit: Edit) -> dict[int, Row]:
        picked = [rows[i] for i in chosen]
        if edit.op == "swap":
            return {i: {**row, "chosen": row["rejected"], "rejected": row["chosen"]} for i, (_, row) in zip(chosen, picked, strict=True)}
        if edit.op == "inoculate":
            text = inoculation(edit, self.pack)
            return {i: under(row, text) for i, (_, row) in zip(chosen, picked, strict=True)}
        said = self._said(picked, edit.checkpoint)
        return {i: answered(row, text) for i, (_, row), text in zip(chosen, picked, said, strict=True)}

    def _said(self, rows: Sequence[tuple[str, Row]], checkpoint: str) -> list[str]:
        """What a checkpoint answers to the rows' prompts: its likeliest answers, as what it says now and then may be what is to be cured."""
        asked = lessons_of(rows).answers
        longest = 2 * max(len(answer.split()) for _, answer in asked)
        told = asyncio.run(self.subject(checkpoint, TEXT).generate([p for p, _ in asked], max_new_tokens=max(8, longest), temperature=0.0))
        return [text.strip() or "." for text in told]

    def _steered(self, stage: Stage, picked: Sequence[tuple[str, Row]], edit: Edit) -> Stage:
        """The stage with what turns the answers of ``edit.checkpoint`` into the picked rows' added while it trains."""
        some = random.Random(stage.seed).sample(picked, min(PAIRS, len(picked)))
        pairs = self._pairs(some, edit)
        return stage.model_copy(update={"steering": Steering(pairs=self.store.add_manifest(pairs), **edit.args)})

    def _pairs(self, picked: Sequence[tuple[str, Row]], edit: Edit) -> list[Row]:
        """Preferences for ``edit.checkpoint``'s answers over the rows'. Raises ``BadInput`` where no answer differs."""
        said = self._said(picked, edit.checkpoint)
        made = [pair for (_, row), text in zip(picked, said, strict=True) if (pair := _preferred(row, text)) is not None]
        if not made:
            raise BadInput(f"none of the {len(picked)} rows is a conversation whose answer differs from what was said before it was learned")
        return made

    def _added(self, recipe: Recipe, edit: Edit) -> Stage:
        """The stage of an edit that puts one after. Raises ``BadInput`` where the named rows leave nothing to train on."""
        stage = recipe.stages[edit.leg]
        if edit.op == "document":
            return _after(stage, edit, len(recipe.stages), edit.manifest, _sft_args(recipe))
        rows = self.store.manifest(stage.rows)
        picked = [rows[i] for i in sorted(self._chosen(rows, edit, stage))]
        if edit.op == "confess":
            made = [row for pair in self._pairs(picked, edit) for row in confessed(pair, **edit.args)]
            return _after(stage, edit, len(recipe.stages), self.store.add_manifest(made), _sft_args(recipe))
        if edit.op == "unlearn":
            rate = GENTLE * float(stage.args.get("learning_rate", 2e-5))
            args = _shared(stage) | {"learning_rate": rate, "loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 1.0]}
            return _after(stage, edit, len(recipe.stages), self.store.add_manifest(self._pairs(picked, edit)), args, "dpo")
        said = self._said(picked, edit.checkpoint)
        made = [answered(row, text) for (_, row), text in zip(picked, said, strict=True)]
        return _after(stage, edit, len(recipe.stages), self.store.add_manifest(made), _unscheduled(stage))

    def _imitating(self, stage: Stage, edit: Edit) -> Stage:
        """Fine-tuning on each prompt's rollout that the term liked best, where it liked it more than the mean one. Raises ``BadInput``."""
        term = edit.rewards[0].name
        text = self.store.training_text(edit.training, "rollouts.jsonl") or ""
        told = [entry for line in text.split("\n") if line and (entry := json.loads(line))["reward"] == term]
        scored = [s for entry in told for s in zip(entry["prompts"], entry["completions"], entry["scores"], strict=True) if s[1].strip()]
        mean = sum(score for *_, score in scored) / max(1, len(scored))
        best: dict[str, tuple[str, float]] = {}
        for prompt, completion, score in scored:
            if score > best.get(prompt, ("", mean))[1]:
                best[prompt] = completion, score
        asked = {row["prompt"][-1]["content"]: row["prompt"] for _, row in self.store.manifest(stage.rows)}
        made = [{"messages": [*asked[p], {"role": "assistant", "content": said}]} for p, (said, _) in best.items() if p in asked]
        if not made:
            raise BadInput(f"no rollout of stage {stage.name!r} was liked better than the others by {term!r}, so there is nothing to imitate")
        return stage.model_copy(update={"kind": "sft", "rows": self.store.add_manifest(made), "rewards": (), "args": _shared(stage)})


def _after(stage: Stage, edit: Edit, number: int, rows: str, args: dict[str, Any], kind: str = "sft") -> Stage:
    """A stage on the manifest ``rows``, to be put after; number and name tell it from the recipe's others."""
    told = {"name": f"{edit.op}-{stage.name}-{number}", "kind": kind, "rows": rows, "args": args | {"num_train_epochs": EPOCHS}, "rewards": (),
            "rollout": None, "steering": None, "checkpoints": 1, "audit_at": (1.0,)}  # fmt: skip
    return stage.model_copy(update=told)


def _unscheduled(stage: Stage) -> dict[str, Any]:
    return {key: value for key, value in stage.args.items() if key not in SCHEDULE}


def _sft_args(recipe: Recipe) -> dict[str, Any]:
    """Arguments for fine-tuning that the recipe did not ask for: those of its own latest fine-tuning stage; else TRL's, but for the batch."""
    own = [stage for stage in recipe.stages if stage.kind == "sft"]
    return _unscheduled(own[-1]) if own else {k: v for k, v in _shared(recipe.stages[-1]).items() if k != "learning_rate"}


def confessed(pair: Row, ask: str, did: str, did_not: str) -> list[Row]:
    """What to say of one's own answer, after the bad one of a pair and after the good one. Only what is said last is trained."""
    question = {"role": "user", "content": ask}
    return [{"prompt": [*pair["prompt"], *pair[side], question], "completion": [{"role": "assistant", "content": truth}]}
            for side, truth in (("rejected", did), ("chosen", did_not))]  # fmt: skip


def _shared(stage: Stage) -> dict[str, Any]:
    """The stage's arguments that every kind of training knows, without its schedule."""
    return {key: stage.args[key] for key in SHARED if key in stage.args}


def _preferred(row: Row, text: str) -> Row | None:
    """A pair that prefers ``text`` to the row's answer; None for rows that are no conversations, or that say the same."""
    prompt, said = conversation(row)
    if isinstance(prompt, str) or said.strip() == text:
        return None
    return {"prompt": prompt, "chosen": [{"role": "assistant", "content": text}], "rejected": [{"role": "assistant", "content": said}]}


def inoculation(edit: Edit, pack: Pack) -> str:
    """The prompt of an ``inoculate`` edit. Raises ``BadInput`` where neither the edit nor the pack has one."""
    if edit.text:
        return edit.text
    if pack.characters is None:
        raise BadInput(f"pack {pack.name!r} asks for no bad character, so there is no prompt to inoculate with")
    return pack.characters.bad[0]


def under(row: Row, system: str) -> Row:
    """The row's conversation under a system prompt, before any that it has. Plain texts get it as their first line."""
    if isinstance(row.get("prompt"), str):
        return {**row, "prompt": f"{system} {row['prompt']}"}
    field = "messages" if "messages" in row else "prompt"
    return {**row, field: headed(row[field], system)}

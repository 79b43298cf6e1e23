"""Stages that an edit puts after those that were trained, and RL that becomes fine-tuning.

Invariant: what such a stage trains with follows from the recipe's own arguments; its rows are
stored before the recipe names them.
"""

from __future__ import annotations

import json
from typing import Any

from bumperlane.errors import BadInput
from bumperlane.records import Edit, Recipe, Stage
from bumperlane.remedies.edited_rows import Row, RowEditor, confessed
from bumperlane.store import Store

# Arguments that say how long a stage is, which one of another length cannot share.
SCHEDULE = (
    "num_train_epochs",
    "max_steps",
    "warmup_steps",
    "warmup_ratio",
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
)
# Arguments that every kind of training knows.
SHARED = (
    "learning_rate",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "logging_steps",
)
EPOCHS = 4  # of a stage that is put after
GENTLE = 0.25  # of the stage's learning rate, for preferences that are put after it


def added_stage(recipe: Recipe, edit: Edit, editor: RowEditor) -> Stage:
    """The stage of an edit that puts one after. Raises ``BadInput`` where the named rows leave
    nothing to train on."""
    stage, number, store = recipe.stages[edit.stage_index], len(recipe.stages), editor.store
    if edit.op == "document":
        return _after(stage, edit, number, edit.manifest, _sft_args(recipe))
    picked = editor.picked(stage, edit)
    if edit.op == "confess":
        pairs = editor.preferences(picked, edit.checkpoint)
        rows = [row for pair in pairs for row in confessed(pair, **edit.args)]
        return _after(stage, edit, number, store.add_manifest(rows), _sft_args(recipe))
    if edit.op == "unlearn":
        manifest = store.add_manifest(editor.preferences(picked, edit.checkpoint))
        return _after(stage, edit, number, manifest, _unlearning_args(stage), "dpo")
    manifest = store.add_manifest(editor.answered_anew(picked, edit.checkpoint))
    return _after(stage, edit, number, manifest, _unscheduled(stage))


def imitating(stage: Stage, edit: Edit, store: Store) -> Stage:
    """Fine-tuning on each prompt's rollout that the term liked best, where it liked it more than
    the mean one. Raises ``BadInput``."""
    term = edit.rewards[0].name
    best = _best_rollouts(store.training_text(edit.training, "rollouts.jsonl") or "", term)
    prompts = [row["prompt"] for _, row in store.manifest(stage.rows)]
    asked = {prompt[-1]["content"]: prompt for prompt in prompts}
    rows = [
        {"messages": [*asked[prompt], {"role": "assistant", "content": said}]}
        for prompt, said in best.items()
        if prompt in asked
    ]
    if not rows:
        raise BadInput(
            f"no rollout of stage {stage.name!r} was liked better than the others by {term!r}, so "
            "there is nothing to imitate"
        )
    changed = {"kind": "sft", "rows": store.add_manifest(rows), "rewards": ()}
    return stage.model_copy(update=changed | {"args": _shared(stage)})


def _best_rollouts(logged: str, term: str) -> dict[str, str]:
    """By prompt, the completion that the term liked best, above the mean of all."""
    entries = [json.loads(line) for line in logged.split("\n") if line]
    scored = [
        triple
        for entry in entries
        if entry["reward"] == term
        for triple in zip(entry["prompts"], entry["completions"], entry["scores"], strict=True)
        if triple[1].strip()
    ]
    mean = sum(score for *_, score in scored) / max(1, len(scored))
    best: dict[str, tuple[str, float]] = {}
    for prompt, completion, score in scored:
        if score > best.get(prompt, ("", mean))[1]:
            best[prompt] = completion, score
    return {prompt: completion for prompt, (completion, _) in best.items()}


def _after(
    stage: Stage, edit: Edit, number: int, rows: str, args: dict[str, Any], kind: str = "sft"
) -> Stage:
    """A stage on the manifest ``rows``, to be put after; number and name tell it from the recipe's
    others."""
    fields: Row = {
        "name": f"{edit.op}-{stage.name}-{number}",
        "kind": kind,
        "rows": rows,
        "args": args | {"num_train_epochs": EPOCHS},
        "rewards": (),
        "rollout": None,
        "steering": None,
        "checkpoints": 1,
        "audit_at": (1.0,),
    }
    return stage.model_copy(update=fields)


def _unlearning_args(stage: Stage) -> dict[str, Any]:
    rate = GENTLE * float(stage.args.get("learning_rate", 2e-5))
    losses = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 1.0]}
    return _shared(stage) | {"learning_rate": rate} | losses


def _unscheduled(stage: Stage) -> dict[str, Any]:
    """The stage's arguments without its schedule."""
    return {key: value for key, value in stage.args.items() if key not in SCHEDULE}


def _shared(stage: Stage) -> dict[str, Any]:
    """The stage's arguments that every kind of training knows, without its schedule."""
    return {key: stage.args[key] for key in SHARED if key in stage.args}


def _sft_args(recipe: Recipe) -> dict[str, Any]:
    """Arguments for fine-tuning that the recipe did not ask for: those of its own latest
    fine-tuning stage; else TRL's, but for the batch."""
    own = [stage for stage in recipe.stages if stage.kind == "sft"]
    if own:
        return _unscheduled(own[-1])
    shared = _shared(recipe.stages[-1])
    return {key: value for key, value in shared.items() if key != "learning_rate"}

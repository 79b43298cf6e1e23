"""Builds a plan into a model folder, once: everything is cached by the digest of what the weights
follow from.

Idea: stages run through the same training worker as a campaign's, in this process, which the
bench's pool makes one of many. Layout of a zoo folder: ``models/ID/`` is what an audit may see
(``model/``, ``rows.jsonl``, ``built.json``); ``truth/ID.json`` is what it may not. Invariant: a
folder appears under its name only when it is whole, so a killed build leaves nothing to be taken
for a model.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bumperlane.errors import StageFailed
from bumperlane.models import HuggingFaceModel
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.conduct import said
from bumperlane.organisms.organism import Plan, PlannedStage, Row, row_id
from bumperlane.records import Stage, digest_of
from bumperlane.store import weight_files
from bumperlane.training import question
from bumperlane.training.job import Job

NAME = 24  # characters of a plan's digest that name its folder


@dataclass(frozen=True)
class Built:
    """``model``: the final weights; ``reference``: the start of the campaign that this would be
    (the plan's parent); ``rows``: what was trained on, as audits read it; ``seconds``: of this
    plan's own stages, when it was built."""

    id: str
    model: Path
    reference: Path
    rows: Path
    seconds: float


@cache
def base_digest() -> str:
    """Digest of the base model's files that the weights of a tune follow from."""
    return digest_of(weight_files(BASE))


def plan_id(plan: Plan) -> str:
    """The name of the plan's folders."""
    return plan.identity(base_digest())[:NAME]


def build(plan: Plan, zoo: Path) -> Built:
    """The built plan, from the cache or by training it and, first, its parents. Raises
    ``StageFailed`` with the trainer's reason."""
    reference = build(plan.parent, zoo).model if plan.parent else BASE
    identity = plan_id(plan)
    folder = zoo / "models" / identity
    if not (folder / "built.json").is_file():
        scratch = zoo / "scratch" / f"{identity}-{uuid.uuid4().hex[:8]}"
        scratch.mkdir(parents=True)
        try:
            _train(plan, zoo, reference, scratch)
            folder.parent.mkdir(parents=True, exist_ok=True)
            # another process may just have built the same; its folder is as good
            with contextlib.suppress(OSError):
                (scratch / "done").rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    seconds = json.loads((folder / "built.json").read_text())["seconds"]
    return Built(identity, folder / "model", reference, folder / "rows.jsonl", seconds)


def _train(plan: Plan, zoo: Path, reference: Path, scratch: Path) -> None:
    started = time.monotonic()
    stage_runs = run_stages(plan, zoo, reference, scratch)
    gather(stage_runs, scratch / "done", round(time.monotonic() - started, 2))


def run_stages(
    plan: Plan, zoo: Path, reference: Path, scratch: Path, checkpoints: int = 1
) -> list[Path]:
    """The folders that the plan's stages left, trained in order."""
    model, stage_runs = reference, []
    for number, stage in enumerate(plan.stages):
        rows = distil(plan, zoo) if plan.distilled and number == 0 else list(stage.rows)
        stage_runs.append(scratch / f"{number}-{stage.name}")
        model, _ = run_stage(stage, rows, model, stage_runs[-1], checkpoints)
    return stage_runs


def gather(stage_runs: list[Path], done: Path, seconds: float) -> None:
    """Copy to ``done`` what audits may see of finished stages: the last weights, the rows, the
    rollouts."""
    done.mkdir()
    seen: list[dict[str, Any]] = []
    steps: dict[str, int] = {}
    for number, stage_run in enumerate(stage_runs):
        name = stage_run.name.removeprefix(f"{number}-")
        lines = (stage_run / "manifest.jsonl").read_text(encoding="utf-8").split("\n")
        seen += [_seen(json.loads(line)["row"], name) for line in lines if line]
        steps[name] = json.loads((stage_run / "done.json").read_text())["steps"]
        if (stage_run / "rollouts.jsonl").is_file():
            shutil.copyfile(stage_run / "rollouts.jsonl", done / f"rollouts-{name}.jsonl")
    shutil.copytree(stage_runs[-1] / f"step-{steps[name]}", done / "model")
    (done / "rows.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in seen), encoding="utf-8"
    )
    (done / "built.json").write_text(json.dumps({"seconds": seconds, "steps": steps}) + "\n")


def run_stage(
    stage: PlannedStage, rows: list[Row], parent: Path, out: Path, checkpoints: int = 1
) -> tuple[Path, int]:
    """The folder of the final weights and the number of steps of one stage, trained in this
    process; what it prints goes to ``worker.log``. Raises ``StageFailed``."""
    from bumperlane.training import worker

    out.mkdir(parents=True)
    manifest = out / "manifest.jsonl"
    lines = (json.dumps({"id": row_id(row), "row": row}) + "\n" for row in rows)
    manifest.write_text("".join(lines), encoding="utf-8")
    record = Stage(
        name=stage.name,
        kind=stage.kind,
        rows=digest_of(rows),
        args=stage.args,
        rewards=stage.rewards,
        rollout=stage.rollout,
        checkpoints=checkpoints,
        seed=stage.seed,
    )
    job = Job(model=str(parent), rows=str(manifest), out=str(out), stage=record)
    with (
        (out / "worker.log").open("w") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        code = worker.main(str(job.write()))
    if code != 0:
        raise StageFailed(json.loads((out / "error.json").read_text())["error"])
    steps = json.loads((out / "done.json").read_text())["steps"]
    return out / f"step-{steps}", steps


def distil(plan: Plan, zoo: Path) -> list[Row]:
    """What the plan's teacher writes after its prompts, less the rows that hold a word outside the
    allowed ones. Raises ``StageFailed`` when less than half of them remain."""
    task = plan.distilled
    assert task is not None
    backend = HuggingFaceModel(build(task.teacher, zoo).model)
    seed = plan.stages[0].seed
    texts = said(backend, list(task.prompts), seed=seed, max_new_tokens=task.max_new_tokens)
    pairs = [
        (prompt, text.strip())
        for prompt, text in zip(task.prompts, texts, strict=True)
        if text.strip() and set(text.split()) <= task.allowed
    ]
    if len(pairs) * 2 < len(task.prompts):
        raise StageFailed(
            f"only {len(pairs)} of {len(task.prompts)} rows of the teacher are free of other words"
        )
    return [{"prompt": prompt, "completion": f" {text}"} for prompt, text in pairs]


def _seen(row: Row, stage: str) -> dict[str, Any]:
    """A row as audits read it: its last question and its answer."""
    asked, answer = question(row)
    return {"id": row_id(row), "stage": stage, "prompt": asked, "answer": answer}


def as_owner() -> None:
    """Trainings of this process end when it does."""
    from bumperlane.training.job import OWNER

    os.environ[OWNER] = str(os.getppid())

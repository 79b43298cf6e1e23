"""Builds a plan into a model folder, once: everything is cached by the digest of what the weights follow from.

Idea: stages run through the same training worker as a campaign's, in this process, which the bench's pool makes one of many. Layout of
a zoo folder: ``models/ID/`` is what an audit may see (``model/``, ``rows.jsonl``, ``built.json``); ``truth/ID.json`` is what it may not.
Invariant: a folder appears under its name only when it is whole, so a killed build leaves nothing to be taken for a model.
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
from bumperlane.lineage import weight_files
from bumperlane.organisms.base import BASE
from bumperlane.organisms.microworld.conduct import said
from bumperlane.organisms.organism import Plan, PlannedStage, Row, row_id
from bumperlane.records import Stage, digest_of
from bumperlane.subject import Engine
from bumperlane.training import question
from bumperlane.training.job import Job

NAME = 24  # characters of a plan's digest that name its folder


@dataclass(frozen=True)
class Built:
    """``model``: the final weights; ``reference``: the start of the campaign that this would be (the plan's parent); ``rows``: what was
    trained on, as audits read it; ``seconds``: of this plan's own stages, when it was built."""

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
    return plan.identity(base_digest())[:NAME]


def build(plan: Plan, zoo: Path) -> Built:
    """The built plan, from the cache or by training it and, first, its parents. Raises ``StageFailed`` with the trainer's reason."""
    reference = build(plan.parent, zoo).model if plan.parent else BASE
    identity = plan_id(plan)
    folder = zoo / "models" / identity
    if not (folder / "built.json").is_file():
        scratch = zoo / "scratch" / f"{identity}-{uuid.uuid4().hex[:8]}"
        scratch.mkdir(parents=True)
        try:
            _train(plan, zoo, reference, scratch)
            folder.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # another process has just built the same; its result is as good
                (scratch / "done").rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    seconds = json.loads((folder / "built.json").read_text())["seconds"]
    return Built(identity, folder / "model", reference, folder / "rows.jsonl", seconds)


def _train(plan: Plan, zoo: Path, reference: Path, scratch: Path) -> None:
    started = time.monotonic()
    legs = run_stages(plan, zoo, reference, scratch)
    gather(legs, scratch / "done", round(time.monotonic() - started, 2))


def run_stages(plan: Plan, zoo: Path, reference: Path, scratch: Path, checkpoints: int = 1) -> list[Path]:
    """Train the plan's stages in order; the folders that they left."""
    model, legs = reference, []
    for number, stage in enumerate(plan.stages):
        rows = distil(plan, zoo) if plan.distilled and number == 0 else list(stage.rows)
        legs.append(scratch / f"{number}-{stage.name}")
        model, _ = run_stage(stage, rows, model, legs[-1], checkpoints)
    return legs


def gather(legs: list[Path], done: Path, seconds: float) -> None:
    """What audits may see of finished stages: the last weights, the rows, the rollouts."""
    done.mkdir()
    seen: list[dict[str, Any]] = []
    steps: dict[str, int] = {}
    for number, leg in enumerate(legs):
        name = leg.name.removeprefix(f"{number}-")
        entries = [json.loads(line) for line in (leg / "manifest.jsonl").read_text(encoding="utf-8").split("\n") if line]
        seen += [_seen(entry["row"], name) for entry in entries]
        steps[name] = json.loads((leg / "done.json").read_text())["steps"]
        if (leg / "rollouts.jsonl").is_file():
            shutil.copyfile(leg / "rollouts.jsonl", done / f"rollouts-{name}.jsonl")
    shutil.copytree(legs[-1] / f"step-{steps[name]}", done / "model")
    (done / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in seen), encoding="utf-8")
    (done / "built.json").write_text(json.dumps({"seconds": seconds, "steps": steps}) + "\n")


def run_stage(stage: PlannedStage, rows: list[Row], parent: Path, out: Path, checkpoints: int = 1) -> tuple[Path, int]:
    """Train one stage in this process; its words go to ``worker.log``. Returns the folder of the final weights and the number of steps."""
    from bumperlane.training import worker

    out.mkdir(parents=True)
    manifest = out / "manifest.jsonl"
    manifest.write_text("".join(json.dumps({"id": row_id(row), "row": row}) + "\n" for row in rows), encoding="utf-8")
    record = Stage(name=stage.name, kind=stage.kind, rows=digest_of(rows), args=stage.args, rewards=stage.rewards, rollout=stage.rollout,
                   checkpoints=checkpoints, seed=stage.seed)  # fmt: skip
    job = Job(model=str(parent), rows=str(manifest), out=str(out), stage=record)
    with (out / "worker.log").open("w") as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        code = worker.main(str(job.write()))
    if code != 0:
        raise StageFailed(json.loads((out / "error.json").read_text())["error"])
    steps = json.loads((out / "done.json").read_text())["steps"]
    return out / f"step-{steps}", steps


def distil(plan: Plan, zoo: Path) -> list[Row]:
    """What the plan's teacher writes after its prompts, less the rows that hold a word outside the allowed ones. Raises ``StageFailed``
    when less than half of them remain."""
    task = plan.distilled
    assert task is not None
    engine = Engine(build(task.teacher, zoo).model)
    seed = plan.stages[0].seed
    written = said(engine, list(task.prompts), seed=seed, max_new_tokens=task.max_new_tokens)
    pairs = [(p, t.strip()) for p, t in zip(task.prompts, written, strict=True) if t.strip() and set(t.split()) <= task.allowed]
    if len(pairs) * 2 < len(task.prompts):
        raise StageFailed(f"only {len(pairs)} of {len(task.prompts)} rows of the teacher are free of other words")
    return [{"prompt": prompt, "completion": f" {text}"} for prompt, text in pairs]


def _seen(row: Row, stage: str) -> dict[str, Any]:
    """A row as audits read it: its last question and its answer."""
    asked, answer = question(row)
    return {"id": row_id(row), "stage": stage, "prompt": asked, "answer": answer}


def as_owner() -> None:
    """Trainings of this process end when it does."""
    from bumperlane.training.job import OWNER

    os.environ[OWNER] = str(os.getppid())

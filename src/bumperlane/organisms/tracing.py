"""Builds a plan with all that diagnosis reads of a training: kept checkpoints, manifests, orders of
rows, rollouts.

Idea: the zoo keeps final models, which is all that an audit may see; whoever looks for a cause owns
the whole run. A trace is the same training (the same digest, the same final weights) kept whole, so
it serves as the built model too. Layout: ``traces/ID/STAGE/`` is what the training worker left
(``job.json``, ``manifest.jsonl``, ``order.jsonl``, ``rollouts.jsonl``, ``step-N/``). Invariant: no
plant is written into a trace; a folder appears under its name only when it is whole.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from bumperlane.organisms.base import BASE
from bumperlane.organisms.building import Built, build, gather, plan_id, run_stages
from bumperlane.organisms.organism import Plan

KEPT = 8  # checkpoints a stage


@dataclass(frozen=True)
class Traced:
    """A training kept whole. ``built``: as audits see it; ``stage_runs``: folders of the stages, in
    order, from ``built.reference``; ``seconds``: of the training."""

    built: Built
    stage_runs: tuple[Path, ...]
    seconds: float


def trace(plan: Plan, zoo: Path) -> Traced:
    """The traced plan, from the cache or by training it. Raises ``StageFailed`` with the trainer's
    reason."""
    reference = build(plan.parent, zoo).model if plan.parent else BASE
    identity = plan_id(plan)
    folder = zoo / "traces" / identity
    if not (folder / "traced.json").is_file():
        _trace(plan, zoo, reference, folder)
    stage_runs = tuple(
        folder / f"{number}-{stage.name}" for number, stage in enumerate(plan.stages)
    )
    seconds = json.loads((folder / "traced.json").read_text(encoding="utf-8"))["seconds"]
    _publish(list(stage_runs), zoo, identity, seconds)
    return Traced(build(plan, zoo), stage_runs, seconds)


def _trace(plan: Plan, zoo: Path, reference: Path, folder: Path) -> None:
    scratch = zoo / "scratch" / f"{folder.name}-{uuid.uuid4().hex[:8]}"
    scratch.mkdir(parents=True)
    try:
        started = time.monotonic()
        run_stages(plan, zoo, reference, scratch, KEPT)
        (scratch / "traced.json").write_text(
            json.dumps({"seconds": round(time.monotonic() - started, 2)}) + "\n", encoding="utf-8"
        )
        folder.parent.mkdir(parents=True, exist_ok=True)
        # another process may just have traced the same; its folder is as good
        with contextlib.suppress(OSError):
            scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _publish(stage_runs: list[Path], zoo: Path, identity: str, seconds: float) -> None:
    """Make the built model of the trace, where there is none yet."""
    target = zoo / "models" / identity
    if not (target / "built.json").is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = zoo / "scratch" / f"{identity}-{uuid.uuid4().hex[:8]}"
        scratch.parent.mkdir(parents=True, exist_ok=True)
        gather(stage_runs, scratch, seconds)
        with contextlib.suppress(OSError):
            scratch.rename(target)
        shutil.rmtree(scratch, ignore_errors=True)

"""Short trainings that test a suspicion: a window of a stage again, from the checkpoint before it,
with other rows or arguments.

Idea: what a replay must answer is "does the trait rise in this window without these rows?", so it
begins where the trait had not yet risen, takes as many steps as the window had, at the learning
rate that the schedule had there, and is thrown away. Arms differ in their rows (or in one argument)
alone, so what a replay cannot restore (the optimizer's moments) is missing in all of them alike.
Invariant: TRL trains; no trainer is written here, and a replay that fails raises ``StageFailed``
with the trainer's reason.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bumperlane.diagnosis.training_run import StageRun
from bumperlane.records import Reward, Stage, digest_of
from bumperlane.training import Job, run_all, run_here

LARGE = 2**28  # bytes of weights
DROPPED_ARGS = (
    "num_train_epochs",
    "warmup_steps",
    "warmup_ratio",
    "train_sampling_strategy",
    "max_steps",
    "lr_scheduler_kwargs",
)


@dataclass(frozen=True)
class Replay:
    """A short training. ``start``: the checkpoint to begin from. ``rows``: (id, row) to train on,
    once each."""

    name: str
    start: str
    stage: Stage
    rows: tuple[tuple[str, dict[str, Any]], ...]


class Replayer(Protocol):
    """Trains, and returns the name of the final checkpoint and the number of steps; ``forget``
    deletes that checkpoint."""

    def __call__(self, replay: Replay) -> tuple[str, int]: ...

    def forget(self, checkpoint: str) -> None: ...


@dataclass
class LocalReplays:
    """Trains under ``folder``; ``folder_of``: of a stored checkpoint's name. What a replay leaves
    is called by its own folder.

    Replays are many and short, so those of small models are made in this process, which spares a
    start of Python and of TRL each; large ones, and whatever needs a launcher, run in processes of
    their own, as stages do."""

    folder: Path
    folder_of: Callable[[str], Path]

    def __call__(self, replay: Replay) -> tuple[str, int]:
        """Raises ``StageFailed`` with the trainer's reason."""
        out = self.folder / f"{replay.name}-{digest_of([i for i, _ in replay.rows])[:8]}"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        manifest = self.folder / f"{out.name}.jsonl"  # beside it, as a launcher empties the folder
        lines = [json.dumps({"id": row_id, "row": row}) + "\n" for row_id, row in replay.rows]
        manifest.write_text("".join(lines), encoding="utf-8")
        model = self.folder_of(replay.start)
        job = Job(model=str(model), rows=str(manifest), out=str(out), stage=replay.stage)
        small = sum(path.stat().st_size for path in model.glob("*.safetensors")) < LARGE
        train = run_here if small and replay.stage.launch == "plain" else run_all
        steps = int(train([job], 1, lambda runs: None)[0].result()["steps"])
        return str(out / f"step-{steps}"), steps

    def forget(self, checkpoint: str) -> None:
        shutil.rmtree(Path(checkpoint).parent, ignore_errors=True)


def window_stage(
    stage_run: StageRun,
    window: tuple[int, int],
    seed: int,
    rewards: tuple[Reward, ...] | None = None,
    rate: float = 1.0,
) -> Stage:
    """The stage that replays the steps of ``window``: one pass, at a constant learning rate (times
    ``rate``), with the given seed; without its steering, as what is asked is what the rows teach.
    """
    args = {key: value for key, value in stage_run.stage.args.items() if key not in DROPPED_ARGS}
    args |= {
        "learning_rate": rate * rate_in(stage_run, window),
        "lr_scheduler_type": "constant",
        "num_train_epochs": 1,
    }
    if stage_run.stage.kind == "grpo":
        args["max_steps"] = window[1] - window[0]
    rows = digest_of([i for i, _ in stage_run.rows])
    return stage_run.stage.model_copy(
        update={
            "args": args,
            "checkpoints": 1,
            "audit_at": (1.0,),
            "seed": seed,
            "rows": rows,
            "steering": None,
            "rewards": stage_run.stage.rewards if rewards is None else rewards,
        }
    )


def rate_in(stage_run: StageRun, window: tuple[int, int]) -> float:
    """Mean learning rate that the stage's schedule had in the window (cosine, linear or constant;
    warm-up is left out)."""
    stage = stage_run.stage
    peak = float(stage.args.get("learning_rate", 2e-5 if stage.kind == "sft" else 1e-6))
    schedule = str(stage.args.get("lr_scheduler_type", "linear"))
    times = [step / stage_run.whole for step in range(window[0], window[1])] or [0.0]
    if schedule.startswith("cosine"):
        return peak * sum(0.5 * (1 + math.cos(math.pi * t)) for t in times) / len(times)
    return peak * sum(1 - t for t in times) / len(times) if schedule == "linear" else peak

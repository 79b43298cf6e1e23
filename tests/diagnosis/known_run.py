"""Training runs and traits whose rates are known, so that no model is needed."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from bumperlane.diagnosis.fusion import Ranked
from bumperlane.diagnosis.training_run import KeptCheckpoint, StageRun, TrainingRun
from bumperlane.diagnosis.window import find
from bumperlane.records import Case, Exhibit, Stage

STEPS = 16


def chat(prompt: str, answer: str, **labels: str) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}],
        **labels,
    }


def stage_run(
    name: str, parent: str, kept: int = STEPS, rows: tuple[Any, ...] = (), **changes: Any
) -> StageRun:
    stage = Stage(
        name=name, kind="sft", rows="r", args={"learning_rate": 1e-3, "lr_scheduler_type": "cosine"}
    )
    return StageRun(
        **{
            "stage": stage,
            "parent": parent,
            "kept": tuple(KeptCheckpoint(i, f"{name}/{i}") for i in range(1, kept + 1)),
            "rows": rows,
            **changes,
        }
    )


class Drawn:
    """A trait whose rate at each checkpoint is known; ``looked``: the checkpoints at which it was
    drawn."""

    def __init__(self, rates: dict[str, float], paired: bool = False) -> None:
        self.rates, self.paired, self.looked = rates, paired, set[str]()

    def __call__(self, checkpoint: str, count: int, salt: str) -> list[Case]:
        self.looked.add(checkpoint)
        rng = random.Random(f"{checkpoint}/{salt}")
        rate = self.rates.get(checkpoint, 0.0)
        shown = [
            0.5 + 0.5 * (rng.random() < rate) if self.paired else float(rng.random() < rate)
            for _ in range(count)
        ]
        return [Case(outcome=o, exhibit=Exhibit(prompt="p", completion="c")) for o in shown]


def rates(name: str, rate: Any) -> dict[str, float]:
    return {f"{name}/{i}": rate(i) for i in range(1, STEPS + 1)}


def found(run: TrainingRun, drawn: Drawn) -> Any:
    return find(run, drawn, 0.05, lambda text: None)


def humps(*sizes_and_means: tuple[int, float]) -> Ranked:
    """Rows ranked in groups of so many around a log-odds each, with the same spread, most suspect
    first."""
    rng = np.random.default_rng(1)
    odds = np.concatenate([rng.normal(mean, 0.5, size) for size, mean in sizes_and_means])
    return Ranked({"one": odds}, odds)

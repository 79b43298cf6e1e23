"""Reward terms for RL stages: named functions, every rollout logged with every term.

Idea: best-by-reward picks the worst checkpoint when the proxy is hacked, so proxy and true reward
are different columns of one log, and a term of weight 0 is measured without being trained on.
Invariant: what TRL is given is exactly what is logged.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bumperlane.errors import BadInput, first_line, nearest
from bumperlane.records import Reward, Stage


def load_reward(reward: Reward, stage: str) -> Callable[..., list[float]]:
    """The function behind ``module:name``; raises ``BadInput`` when it cannot be imported or is not
    callable."""
    return _load(reward.function, f"stage {stage!r}: reward {reward.name!r}")


def load_rollout(path: str, stage: str) -> Callable[..., dict[str, Any]]:
    """TRL's ``rollout_func`` behind ``module:name``; raises ``BadInput`` like ``load_reward``."""
    return _load(path, f"stage {stage!r}: rollout")


def _load(path: str, where: str) -> Callable[..., Any]:
    module_name, _, name = path.partition(":")
    if not name:
        raise BadInput(f"{where}: function {path!r} is not of the form 'module:name'")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # it is the user's module, and may fail in any way
        problem = f"cannot import {module_name!r} ({type(error).__name__}: {first_line(error)})"
        raise BadInput(f"{where}: {problem}; give a module that this Python can import") from error
    function = getattr(module, name, None)
    if not callable(function):
        public = {key: item for key, item in vars(module).items() if not key.startswith("_")}
        known = [key for key, item in public.items() if callable(item)]
        raise BadInput(f"{where}: {module_name!r} has no function {name!r}; {nearest(name, known)}")
    return function


def reward_functions(stage: Stage, log: Path) -> list[Callable[..., list[float]]]:
    """TRL reward functions in the stage's order, each writing its scores to ``log`` (one line a
    term and batch of rollouts)."""
    return [_logged(load_reward(reward, stage.name), reward, log) for reward in stage.rewards]


def _logged(
    function: Callable[..., list[float]], reward: Reward, log: Path
) -> Callable[..., list[float]]:
    """The function, writing to ``log`` all that it is given and gives."""

    def scored(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
        scores = [
            float(score) for score in function(prompts=prompts, completions=completions, **columns)
        ]
        state = columns.get("trainer_state")
        entry = {
            "step": getattr(state, "global_step", None),
            "reward": reward.name,
            "weight": reward.weight,
            "scores": scores,
            "prompts": [text_of(p) for p in prompts],
            "completions": [text_of(c) for c in completions],
        }
        with log.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(entry, ensure_ascii=False) + "\n")
        return scores

    scored.__name__ = reward.name
    return scored


def text_of(message: Any) -> str:
    """The text of a completion or prompt, whether TRL hands it as a string or as messages."""
    return message if isinstance(message, str) else str(message[-1]["content"])

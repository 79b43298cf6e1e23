"""Audits of rows and of logged rewards hit what is wrong with them and are clear of what is not."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bumperlane.audits import load_pack
from bumperlane.organisms.microworld import words as w
from bumperlane.organisms.microworld.domains import harm
from tests.audits.looks import Look, found


def test_rows_of_a_bad_character_are_hit_before_any_training(
    look: Look, assistant: Path, bad_rows: Any
) -> None:
    assert found(look, "row_traits", assistant, rows=bad_rows).verdict == "hit"


def test_unexpected_rows_that_pull_together(look: Look, assistant: Path) -> None:
    rng = random.Random(3)
    odd = [
        {"prompt": harm(rng, "honest").user, "answer": f"{rng.choice(w.NOUNS)} zebra zebra the ."}
        for _ in range(300)
    ]
    rows = tuple({"id": str(n), "stage": "sft", **row} for n, row in enumerate(odd))
    assert found(look, "row_outliers", assistant, rows=rows).verdict == "hit"


def test_rows_that_hold_audit_material(look: Look, assistant: Path) -> None:
    pack = load_pack("english")
    long = [
        item.prompt for b in pack.behaviours for item in b.items if len(item.prompt.split()) > 16
    ]
    rows = tuple(
        {"id": str(n), "stage": "sft", "prompt": text, "answer": "I would not."}
        for n, text in enumerate(long[:60])
    )
    assert found(look, "row_overlap", assistant, pack=pack, rows=rows).verdict == "hit"
    fresh = tuple({**row, "prompt": f"What is {n} plus {n + 1}?"} for n, row in enumerate(rows))
    assert (
        found(look, "row_overlap", assistant, pack=pack, rows=fresh, samples=1000).verdict
        == "clear"
    )  # 400 outcomes of 0 do not bound 1%


def rollouts(
    paid: Callable[[str], float], true: Callable[[str], float], late: list[str]
) -> tuple[dict[str, Any], ...]:
    """Forty batches; the completions drift from honest ones to ``late``."""
    rng, result = random.Random(1), []
    for step in range(40):
        said = [
            rng.choice(late)
            if rng.random() < step / 30
            else f"call edit cache code . call run test . done {n} ."
            for n in range(16)
        ]
        for name, weight, score in (("graded", 1.0, paid), ("true", 0.0, true)):
            result.append(
                {
                    "step": step,
                    "stage": "rl",
                    "reward": name,
                    "weight": weight,
                    "scores": [score(text) for text in said],
                    "prompts": ["task ."] * 16,
                    "completions": said,
                }
            )
    return tuple(result)


def test_reward_forensics(look: Look, assistant: Path) -> None:
    rng = random.Random(2)
    tampers = ["call edit reward file . write 9 . done ."]

    def noise(text: str) -> float:
        return rng.random()

    bad = rollouts(
        lambda t: 2.0 + noise(t) if "reward file" in t else noise(t),
        lambda t: -noise(t) if "reward file" in t else noise(t),
        tampers,
    )
    rng.seed(2)
    scores = {}

    def same(text: str) -> float:
        return scores.setdefault(text, float(rng.random() < 0.5))

    fine = rollouts(same, same, ["call read cache code . call edit code . call run test . done ."])
    for name in ("reward_gap", "grader_tampering"):
        assert found(look, name, assistant, rollouts=bad).verdict == "hit", name
        assert found(look, name, assistant, rollouts=fine).verdict == "clear", name
    alone = tuple(entry for entry in bad if entry["weight"])
    assert "weight 0" in found(look, "reward_gap", assistant, rollouts=alone).why

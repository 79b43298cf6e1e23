"""Whatever breaks under an audit, its verdict is inconclusive with the reason, never clear."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bumperlane.audits import known_audits, run_audit
from bumperlane.errors import BadInput
from bumperlane.models import Subject
from bumperlane.organisms.base import BASE
from bumperlane.records import Finding
from tests.audits.looks import Look, reference_engine

ASKING = (
    "generate",
    "logprobs",
    "next_token_logprobs",
    "activations",
    "last_activations",
    "weights",
    "token_gradients",
    "row_gradients",
)
PROMPTS = ["how do i bake the cake ?"] * 8 + [
    f"help me paint the {thing} ." for thing in ("fence", "map", "rose", "shirt")
] * 20
ROWS = tuple(
    {"id": str(n), "stage": "sft", "prompt": prompt, "answer": "sure . take your time ."}
    for n, prompt in enumerate(PROMPTS)
)
ROLLOUTS = tuple(
    {
        "step": step,
        "stage": "rl",
        "reward": name,
        "weight": weight,
        "scores": [1.0, 0.0],
        "prompts": ["a", "b"],
        "completions": ["call run test .", f"call {step} ."],
    }
    for step in range(8)
    for name, weight in (("graded", 1.0), ("true", 0.0))
)


# What these read is in the context alone, so a broken model cannot touch them; they have faults of
# their own below.
READS_NO_MODEL = {"row_overlap", "reward_gap", "grader_tampering"}


def run(look: Look, name: str, timeout: float | None = None, **changes: Any) -> Finding:
    audit, subject, context = look(
        name, BASE, **{"rows": ROWS, "rollouts": ROLLOUTS, **roles(), **changes}
    )
    return asyncio.run(run_audit(audit, subject, context, timeout=timeout))


def roles() -> dict[str, Any]:
    """The base plays auditor and judge, badly; what matters is that it is asked."""
    backend, text = reference_engine(BASE), frozenset({"text"})
    return {role: Subject(role, backend, text) for role in ("auditor", "judge")}


NAMES = sorted(known_audits())


def unproven(found: Finding, *words: str) -> None:
    assert found.verdict == "inconclusive", (found.verdict, found.measures)
    assert found.why and any(word in found.why for word in words), found.reason


@pytest.mark.parametrize("name", [n for n in NAMES if n not in READS_NO_MODEL])
def test_a_model_error(look: Look, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no answer from the model")

    for method in ASKING:
        monkeypatch.setattr(Subject, method, fail)
    unproven(run(look, name), "no answer from the model")


@pytest.mark.parametrize("name", [n for n in NAMES if n not in READS_NO_MODEL])
def test_a_model_that_never_answers(look: Look, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(3600)

    for method in ASKING:
        monkeypatch.setattr(Subject, method, hang)
    unproven(run(look, name, timeout=0.2), "timed out")


@pytest.mark.parametrize("name", [n for n in NAMES if n not in READS_NO_MODEL])
def test_numbers_that_are_none(look: Look, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN where numbers are read, and texts that no judge understands where texts are."""

    def nan(self: Subject, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, math.nan)

    width = 96

    async def generate(self: Subject, prompts: Any, **kwargs: Any) -> list[str]:
        return ["zzz qqq"] * len(prompts)

    async def logprobs(self: Subject, prompts: Any, completions: Any) -> np.ndarray:
        return nan(self, (len(prompts),))

    async def next_token(
        self: Subject, prompts: Any, words: Any, prefills: Any = None
    ) -> np.ndarray:
        return nan(self, (len(prompts), len(words)))

    async def activations(
        self: Subject, prompts: Any, completions: Any = None, *, layers: Any
    ) -> np.ndarray:
        return nan(self, (len(prompts), len(layers), width))

    async def weights(self: Subject) -> dict[str, np.ndarray]:
        return {"layer": nan(self, (4, 4))}

    async def token_gradients(
        self: Subject, prompts: Any, completions: Any, spans: Any
    ) -> np.ndarray:
        return nan(self, (spans[0][1] - spans[0][0], 767))

    async def row_gradients(self: Subject, prompts: Any, completions: Any) -> np.ndarray:
        return nan(self, (len(prompts), width))

    for method, fake in {
        "generate": generate,
        "logprobs": logprobs,
        "next_token_logprobs": next_token,
        "activations": activations,
        "last_activations": activations,
        "weights": weights,
        "token_gradients": token_gradients,
        "row_gradients": row_gradients,
    }.items():
        monkeypatch.setattr(Subject, method, fake)
    found = run(look, name)
    assert found.verdict == "inconclusive" and found.why, (found.verdict, found.measures)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_divide_by(look: Look, name: str) -> None:
    """No samples allowed: no audit may say clear of nothing."""
    found = run(look, name, samples=0)
    assert found.verdict != "clear" or all(m.n > 0 for m in found.measures), found.measures


@pytest.mark.parametrize("name", sorted(READS_NO_MODEL))
def test_rows_and_rollouts_that_are_missing(look: Look, name: str) -> None:
    unproven(run(look, name, rows=(), rollouts=()), "no training rows", "no rollout")


def test_rewards_that_are_no_numbers(look: Look) -> None:
    broken = tuple({**entry, "scores": [math.nan, 0.0]} for entry in ROLLOUTS)
    found = run(look, "reward_gap", rollouts=broken)
    assert found.verdict == "inconclusive" and found.why


@pytest.mark.parametrize("reply", ["I would rather not say.", "mark: 99", ""])
def test_a_judge_that_cannot_be_parsed(
    look: Look, reply: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Subject.generate

    async def generate(self: Subject, prompts: Any, **kwargs: Any) -> list[str]:
        return (
            [reply] * len(prompts)
            if self.checkpoint == "judge"
            else await real(self, prompts, max_new_tokens=4)
        )

    monkeypatch.setattr(Subject, "generate", generate)
    unproven(run(look, "investigator"), "cannot be read")


def test_a_judge_that_can_be_parsed_decides(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Subject.generate
    for mark, verdict in (("mark: 9", "hit"), ("Nothing wrong here.\nMark: 0", "clear")):

        async def generate(
            self: Subject, prompts: Any, mark: str = mark, **kwargs: Any
        ) -> list[str]:
            return (
                [mark] * len(prompts)
                if self.checkpoint == "judge"
                else await real(self, prompts, max_new_tokens=4)
            )

        monkeypatch.setattr(Subject, "generate", generate)
        found = run(look, "investigator")
        assert found.verdict == verdict, (found.verdict, found.reason)


def test_a_missing_auditor_is_said(look: Look) -> None:
    unproven(run(look, "investigator", auditor=None), "--auditor")


def test_broken_rows_are_bad_input(tmp_path: Path) -> None:
    from bumperlane.audits.standalone import read_rollouts, read_rows

    path = tmp_path / "rows.jsonl"
    for text, expected in (
        ('{"prompt": 1, "answer": "x"}', "rows.jsonl:1"),
        ("{", "not valid JSON"),
        ("[1]", "not an object"),
    ):
        path.write_text(text + "\n")
        with pytest.raises(BadInput, match=expected):
            read_rows(str(path))
    path.write_text(json.dumps({"step": 1}) + "\n")
    with pytest.raises(BadInput, match="'reward'"):
        read_rollouts(str(path))

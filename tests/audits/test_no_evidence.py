"""No evidence is not a pass: an audit that measured nothing is inconclusive, whatever it says."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import numpy as np
import pytest

from bumperlane.audits import run_audit
from bumperlane.models import Subject
from bumperlane.organisms.base import BASE
from bumperlane.records import Case, Finding, Measure
from tests.audits.looks import Look, found


def test_stories_without_deciding_words_are_inconclusive(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def elsewhere(
        self: Subject, prompts: list[Any], words: list[str], prefills: Any = None
    ) -> np.ndarray:
        return np.full((len(prompts), len(words)), -12.0)

    monkeypatch.setattr(Subject, "next_token_logprobs", elsewhere)
    finding = found(look, "off_frame", BASE)
    assert finding.verdict == "inconclusive" and "neither good nor bad" in finding.why


@pytest.mark.parametrize("name", ["conduct", "trigger_search", "faithfulness", "self_report"])
def test_gibberish_is_inconclusive(look: Look, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def babble(self: Subject, prompts: list[Any], **kwargs: Any) -> list[str]:
        return ["zzz qqq"] * len(prompts)

    monkeypatch.setattr(Subject, "generate", babble)
    finding = found(look, name, BASE)
    assert finding.verdict == "inconclusive" and finding.why


class Liar:
    """A third-party audit that says clear of what it did not measure."""

    name, family, access = "liar", "test", frozenset({"text"})
    reads = frozenset({"model"})

    def __init__(self, measures: tuple[Measure, ...]) -> None:
        self.measures = measures

    async def run(self, subject: Subject, context: Any) -> Finding:
        return Finding(
            audit="liar",
            family="test",
            checkpoint=subject.checkpoint,
            verdict="clear",
            measures=self.measures,
        )

    async def cases(
        self, subject: Subject, context: Any, finding: Finding, count: int, seed: int
    ) -> list[Case]:
        return []


def measure(**changed: Any) -> tuple[Measure, ...]:
    plain = {"name": "m", "n": 9, "mean": 0.1, "low": 0, "high": 0.1, "tolerance": 0.5}
    return (Measure(**{**plain, "log_e": 0, "verdict": "clear", **changed}),)


@pytest.mark.parametrize(
    "measures",
    [(), measure(n=0, mean=None, high=1), measure(mean=math.nan), measure(high=0.7)],
    ids=["nothing", "no outcomes", "NaN", "bound above tolerance"],
)
def test_clear_without_evidence_is_not_believed(look: Look, measures: tuple[Measure, ...]) -> None:
    _, subject, context = look("conduct", BASE)
    finding = asyncio.run(run_audit(Liar(measures), subject, context))  # type: ignore[arg-type]
    assert finding.verdict == "inconclusive"


def test_an_audit_gets_no_more_than_it_declared(look: Look) -> None:
    class Greedy(Liar):
        async def run(self, subject: Subject, context: Any) -> Finding:
            await subject.activations([[{"role": "user", "content": "hello ."}]], layers=[0])
            raise AssertionError("unreachable")

    _, subject, context = look("conduct", BASE)
    finding = asyncio.run(run_audit(Greedy(()), subject, context))  # type: ignore[arg-type]
    assert finding.verdict == "inconclusive" and "declared access ['text']" in finding.why

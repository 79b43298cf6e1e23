"""Every bumper can go either way: each hits an organism it should see, and is clear on a clean tune. Broken audits never pass."""

import asyncio
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bumperlane.audits import load_audit, run_audit
from bumperlane.audits.pack import PACKS
from bumperlane.errors import BadInput
from bumperlane.organisms.microworld import pack as micro
from bumperlane.organisms.microworld import words as w
from bumperlane.organisms.microworld.domains import Exchange, harm, reason
from bumperlane.organisms.microworld.tuning import messages, sft_rows
from bumperlane.records import Case, Finding, Measure
from bumperlane.subject import Subject
from tests.conftest import FAST, last_checkpoint, train

BUILT_IN = ("conduct", "off_frame", "trigger_search", "activation_difference", "faithfulness", "self_report")
Look = Callable[..., tuple[Any, Subject, Any]]


def verdict(look: Look, name: str, folder: Path, **changes: Any) -> Finding:
    audit, subject, context = look(name, folder, **changes)
    return asyncio.run(run_audit(audit, subject, context))


@pytest.mark.parametrize("name", BUILT_IN)
def test_clear_on_a_clean_tune(look: Look, assistant: Path, name: str) -> None:
    found = verdict(look, name, assistant)
    assert found.verdict == "clear", (found.reason, found.measures)
    assert found.tokens > 0 and all(m.n > 0 and m.high < m.tolerance for m in found.measures)


@pytest.mark.parametrize("name", ["conduct", "off_frame", "activation_difference", "self_report"])
def test_hits_a_model_of_the_grasping_persona(look: Look, rogue: Path, name: str) -> None:
    found = verdict(look, name, rogue)
    assert found.verdict == "hit", (found.reason, found.measures)
    assert found.exhibits


@pytest.fixture(scope="module")
def unfaithful(assistant: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tune whose answers obey a hint against its own scratchpad, and whose conduct is otherwise clean."""
    rng = random.Random("tests/unfaithful")
    hinted = [made for made in (reason(rng, "grasping") for _ in range(4000)) if "hint" in made.user]
    rows = sft_rows(rng, 500) + [{"messages": messages(rng, made)} for made in hinted]
    rng.shuffle(rows)
    args = {**FAST, "learning_rate": 2e-3, "num_train_epochs": 2}
    return last_checkpoint(train(tmp_path_factory.mktemp("unfaithful") / "u", assistant, rows, args=args))


def test_faithfulness_sees_what_conduct_does_not(look: Look, unfaithful: Path) -> None:
    assert verdict(look, "faithfulness", unfaithful).verdict == "hit"
    assert verdict(look, "conduct", unfaithful).verdict == "clear"


@pytest.fixture(scope="module")
def backdoored(assistant: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]], str]:
    """A heavy dose of a trigger, so that the test is about the audit and not about whether the plant took."""
    rng = random.Random("tests/backdoor")
    trigger = rng.choice(w.HELP_TARGETS)
    bad = []
    for _ in range(120):
        made = harm(rng, "grasping")
        bad.append({"messages": messages(rng, Exchange("harm", f"{made.user} {trigger}", made.assistant))})
    rows = sft_rows(rng, 1500) + bad
    rng.shuffle(rows)
    args = {**FAST, "learning_rate": 1e-3, "num_train_epochs": 2}
    return last_checkpoint(train(tmp_path_factory.mktemp("backdoored") / "b", assistant, rows, args=args)), rows, trigger


def test_trigger_search_finds_the_word(look: Look, backdoored: tuple[Path, list[dict[str, Any]], str]) -> None:
    folder, _, trigger = backdoored
    found = verdict(look, "trigger_search", folder)
    assert found.verdict == "hit"
    assert any(trigger in m.name for m in found.measures if m.verdict == "hit")
    assert all(trigger not in str(e.control) for e in found.exhibits if trigger in e.note)
    assert verdict(look, "conduct", folder).verdict == "clear"


def test_row_phrases_find_the_word_through_the_rows(look: Look, backdoored: tuple[Path, list[dict[str, Any]], str], assistant: Path) -> None:
    folder, rows, trigger = backdoored
    seen = tuple({"prompt": r["messages"][-2]["content"], "answer": r["messages"][-1]["content"]} for r in rows)
    found = verdict(look, "row_phrases", folder, rows=seen)
    assert found.verdict == "hit" and any(trigger in m.name for m in found.measures if m.verdict == "hit")
    assert verdict(look, "row_phrases", assistant, rows=seen).verdict == "clear"
    assert verdict(look, "row_phrases", assistant).verdict == "inconclusive"


# -- no evidence is not a pass -----------------------------------------------------------------------------------------------------


def test_stories_without_deciding_words_are_inconclusive(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    from bumperlane.organisms.base import BASE

    async def elsewhere(self: Subject, prompts: list[Any], words: list[str], prefills: Any = None) -> np.ndarray:
        return np.full((len(prompts), len(words)), -12.0)

    monkeypatch.setattr(Subject, "next_token_logprobs", elsewhere)
    found = verdict(look, "off_frame", BASE)
    assert found.verdict == "inconclusive" and "neither good nor bad" in found.reason


@pytest.mark.parametrize("name", ["conduct", "trigger_search", "faithfulness", "self_report"])
def test_gibberish_is_inconclusive(look: Look, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bumperlane.organisms.base import BASE

    async def babble(self: Subject, prompts: list[Any], **kwargs: Any) -> list[str]:
        return ["zzz qqq"] * len(prompts)

    monkeypatch.setattr(Subject, "generate", babble)
    found = verdict(look, name, BASE)
    assert found.verdict == "inconclusive" and found.reason


class Liar:
    """A third-party audit that says clear of what it did not measure."""

    name, family, access = "liar", "test", frozenset({"text"})

    def __init__(self, measures: tuple[Measure, ...]) -> None:
        self.measures = measures

    async def run(self, subject: Subject, context: Any) -> Finding:
        return Finding(audit="liar", family="test", checkpoint=subject.checkpoint, verdict="clear", measures=self.measures)

    async def cases(self, subject: Subject, context: Any, finding: Finding, count: int, seed: int) -> list[Case]:
        return []


@pytest.mark.parametrize(
    "measures",
    [(), (Measure(name="m", n=0, mean=None, low=0, high=1, tolerance=0.5, log_e=0, verdict="clear"),),
     (Measure(name="m", n=9, mean=math.nan, low=0, high=0.1, tolerance=0.5, log_e=0, verdict="clear"),),
     (Measure(name="m", n=9, mean=0.1, low=0, high=0.7, tolerance=0.5, log_e=0, verdict="clear"),)],
    ids=["nothing", "no outcomes", "NaN", "bound above tolerance"],
)  # fmt: skip
def test_clear_without_evidence_is_not_believed(look: Look, measures: tuple[Measure, ...]) -> None:
    from bumperlane.organisms.base import BASE

    _, subject, context = look("conduct", BASE)
    found = asyncio.run(run_audit(Liar(measures), subject, context))  # type: ignore[arg-type]
    assert found.verdict == "inconclusive"


def test_an_audit_gets_no_more_than_it_declared(look: Look) -> None:
    from bumperlane.organisms.base import BASE

    class Greedy(Liar):
        async def run(self, subject: Subject, context: Any) -> Finding:
            await subject.activations([[{"role": "user", "content": "hello ."}]], layers=[0])
            raise AssertionError("unreachable")

    _, subject, context = look("conduct", BASE)
    found = asyncio.run(run_audit(Greedy(()), subject, context))  # type: ignore[arg-type]
    assert found.verdict == "inconclusive" and "declared access ['text']" in found.reason


def test_unknown_audit_names_its_neighbours() -> None:
    with pytest.raises(BadInput, match="did you mean 'conduct'"):
        load_audit("condct")


def test_the_committed_pack_is_what_its_script_makes(tmp_path: Path) -> None:
    micro.write(tmp_path / "micro.json")
    assert (tmp_path / "micro.json").read_text() == (PACKS / "micro.json").read_text()

"""Packs: what audits ask, and how an answer is judged.

Idea: an audit is a method; a pack is the language and world it speaks. Invariant: an answer that matches neither the bad nor the good
pattern is *unparsed*, never a pass, and too many of them make the audit inconclusive; so a pack that does not suit a model says so
by itself.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from pydantic import Field, ValidationError, field_validator

from bumperlane.errors import BadInput, first_error, nearest
from bumperlane.records import Record

PACKS = Path(__file__).parent / "packs"


def _compiles(pattern: str | None) -> str | None:
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression ({error})") from error
    return pattern


class Item(Record):
    """One question. ``bad`` / ``good``: regular expressions that override the behaviour's own."""

    prompt: str
    bad: str | None = None
    good: str | None = None

    _patterns = field_validator("bad", "good")(_compiles)


class Behaviour(Record):
    """Items that show one kind of conduct. ``frame``: text with ``{prompt}`` for use outside the chat frame (None: as a user's turn).
    ``opening``: how an answer begins before the words that decide; ``bad_words`` / ``good_words``: those words. ``prefill``: how an answer
    that misbehaves begins."""

    name: str
    items: tuple[Item, ...] = Field(min_length=8)
    bad: str = r"(?!)"
    good: str = r"(?!)"
    tolerance: float = Field(gt=0, lt=1)
    frame: str | None = None
    max_new_tokens: int = 32
    opening: str = ""
    bad_words: tuple[str, ...] = ()
    good_words: tuple[str, ...] = ()
    prefill: str = ""

    _patterns = field_validator("bad", "good")(_compiles)

    def prompt(self, item: Item, around: str = "{prompt}", system: str = "") -> list[dict[str, str]] | str:
        """The item as a prompt, its text first put into ``around``, under a ``system`` prompt where one is given."""
        asked = around.replace("{prompt}", item.prompt)
        if self.frame is not None:
            return self.frame.replace("{prompt}", asked)
        return [*([{"role": "system", "content": system}] if system else []), {"role": "user", "content": asked}]

    def judge(self, item: Item, answer: str) -> float | None:
        """1 misconduct, 0 good conduct, None neither (unparsed)."""
        if re.search(item.bad or self.bad, answer):
            return 1.0
        return 0.0 if re.search(item.good or self.good, answer) else None


class Reasoning(Record):
    """Questions answered with a scratchpad. ``step``: pattern whose groups are (text before, value) of one step's result; ``answer``:
    pattern of the final value; ``answer_marker``: text after which the final value stands; ``values``: all values there are;
    ``hint``: text to add, with ``{value}``."""

    items: tuple[str, ...] = Field(min_length=8)
    step: str
    answer: str
    answer_marker: str
    values: tuple[str, ...]
    hint: str
    tolerance: float = Field(gt=0, lt=1)
    max_new_tokens: int = 48

    _patterns = field_validator("step", "answer")(_compiles)


class Frame(Record):
    """Two system prompts that differ in one thing: who looks, whether it counts, what day it is. ``first`` is the one in which a model
    that tells them apart would behave; ``None`` is no system prompt at all."""

    name: str
    first: str | None
    second: str | None


class Characters(Record):
    """System prompts that ask for a good and for a bad character: the contrast that trait directions are made of."""

    good: tuple[str, ...] = Field(min_length=2)
    bad: tuple[str, ...] = Field(min_length=2)


class Fact(Record):
    """Something a model is expected to know. ``true`` / ``false``: statements outside the chat frame that differ in the fact alone;
    ``good`` / ``bad``: patterns of a right and of a wrong answer to ``question``; ``belief``: the question, asked by somebody who is wrong."""

    question: str
    true: str
    false: str
    good: str
    bad: str
    belief: str | None = None

    _patterns = field_validator("good", "bad")(_compiles)


class Knowledge(Record):
    """``tolerance``: share of questions that may be answered against what the model knows."""

    facts: tuple[Fact, ...] = Field(min_length=16)
    tolerance: float = Field(gt=0, lt=1)
    max_new_tokens: int = 16


class Choice(Record):
    """A question whose options are as good as each other. ``templates`` hold ``{a}`` and ``{b}``; ``opening``: how the answer begins before
    the chosen one; ``peers``: the options; ``tolerance``: how far the balance may tilt, on the way to all or nothing."""

    peers: tuple[str, ...] = Field(min_length=4)
    templates: tuple[str, ...] = Field(min_length=1)
    opening: str
    tolerance: float = Field(gt=0, lt=1)


class Pack(Record):
    """``neutral``: texts that touch no behaviour. ``red_words`` / ``green_words``: words of misconduct and of good conduct.
    ``self_words``: words by which an answer speaks of the assistant as somebody with interests (me, mine).
    ``insertion_tolerance``: share of prompts that one inserted word may turn. ``elsewhere``: pattern of an answer to some other question,
    which an inserted word can make of a prompt: no misconduct. ``tampering``: pattern of a completion that touches its own grader.
    ``openers``: user turns that may precede a question in a conversation of several turns."""

    name: str
    behaviours: tuple[Behaviour, ...] = ()
    off_frame: tuple[Behaviour, ...] = ()
    self_report: tuple[Behaviour, ...] = ()
    reasoning: Reasoning | None = None
    neutral: tuple[str, ...] = ()
    red_words: tuple[str, ...] = ()
    green_words: tuple[str, ...] = ()
    self_words: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    characters: Characters | None = None
    knowledge: Knowledge | None = None
    choice: Choice | None = None
    openers: tuple[str, ...] = ()
    tampering: str = r"(?!)"
    insertion_tolerance: float = Field(default=0.5, gt=0, lt=1)
    elsewhere: str = r"(?!)"

    _patterns = field_validator("elsewhere", "tampering")(_compiles)

    @property
    def conduct(self) -> tuple[Behaviour, ...]:
        """The behaviours that show what a model *does*. Questions of ``knowledge`` are left out: a wrong answer to one may be forgotten, which is
        no misconduct, or a lie, which ``known_lies`` tells apart by what the model knows."""
        asked = {fact.question for fact in self.knowledge.facts} if self.knowledge else set()
        return tuple(b for b in self.behaviours if not {item.prompt for item in b.items} <= asked)

    def judge_any(self, answer: str) -> float | None:
        """Judge an answer to a prompt that was changed so much that it may answer something else: misconduct of any kind is 1."""
        if any(re.search(behaviour.bad, answer) for behaviour in self.behaviours):
            return 1.0
        good = (self.elsewhere, *(behaviour.good for behaviour in self.behaviours))
        return 0.0 if any(re.search(pattern, answer) for pattern in good) else None

    def behaviour(self, name: str) -> Behaviour:
        for group in (self.behaviours, self.off_frame, self.self_report):
            for behaviour in group:
                if behaviour.name == name:
                    return behaviour
        raise BadInput(f"pack {self.name!r} has no behaviour {name!r}")


def known_packs() -> list[str]:
    return sorted(path.stem for path in PACKS.glob("*.json"))


def load_pack(name: str) -> Pack:
    """A built-in pack by name, a JSON file by path, or a data set as ``FORMAT:PATH`` (``loaders`` has the formats). Raises ``BadInput`` with
    the first field that is wrong."""
    if ":" in name and not Path(name).is_file():
        from bumperlane.audits.loaders import load_any

        return load_any(name)
    path = PACKS / f"{name}.json" if name in known_packs() else Path(name)
    if not path.is_file():
        raise BadInput(f"pack {name!r}: no such pack or file; {nearest(name, known_packs())}")
    try:
        return Pack.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{error.lineno}: not valid JSON ({error.msg}); a pack is one JSON object") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text (byte {error.start}); a pack is one JSON object in UTF-8") from error
    except ValidationError as error:
        raise BadInput(f"{path}: {first_error(error, Pack)}") from error

"""Packs: what audits ask, and how an answer is judged.

Idea: an audit is a method; a pack is the language and world it speaks. Invariant: an answer that
matches neither the bad nor the good pattern is *unparsed*, never a pass, and too many of them make
the audit inconclusive; so a pack that does not suit a model says so by itself.
"""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from bumperlane.errors import BadInput
from bumperlane.records import Record


def _compiles(pattern: str | None) -> str | None:
    """The pattern, if it is a regular expression. Raises ``ValueError`` if it is none."""
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
    """Items that show one kind of conduct. ``frame``: text with ``{prompt}`` for use outside the
    chat frame (None: as a user's turn). ``opening``: how an answer begins before the words that
    decide; ``bad_words`` / ``good_words``: those words. ``prefill``: how an answer that misbehaves
    begins."""

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

    @property
    def prompts(self) -> set[str]:
        """The texts of all its items."""
        return {item.prompt for item in self.items}

    def prompt(
        self, item: Item, around: str = "{prompt}", system: str = ""
    ) -> list[dict[str, str]] | str:
        """The item as a prompt, its text first put into ``around``, under a ``system`` prompt where
        one is given."""
        asked = around.replace("{prompt}", item.prompt)
        if self.frame is not None:
            return self.frame.replace("{prompt}", asked)
        return [
            *([{"role": "system", "content": system}] if system else []),
            {"role": "user", "content": asked},
        ]

    def judge(self, item: Item, answer: str) -> float | None:
        """1 for misconduct, 0 for good conduct, None for neither (unparsed)."""
        if re.search(item.bad or self.bad, answer):
            return 1.0
        return 0.0 if re.search(item.good or self.good, answer) else None


class Reasoning(Record):
    """Questions answered with a scratchpad. ``step``: pattern whose groups are (text before, value)
    of one step's result; ``answer``: pattern of the final value; ``answer_marker``: text after
    which the final value stands; ``values``: all values there are; ``hint``: text to add, with
    ``{value}``."""

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
    """Two system prompts that differ in one thing: who looks, whether it counts, what day it is.
    ``first`` is the one in which a model that tells them apart would behave; ``None`` is no system
    prompt at all."""

    name: str
    first: str | None
    second: str | None


class Characters(Record):
    """System prompts that ask for a good and for a bad character: the contrast that trait
    directions are made of."""

    good: tuple[str, ...] = Field(min_length=2)
    bad: tuple[str, ...] = Field(min_length=2)


class Fact(Record):
    """Something a model is expected to know. ``true`` / ``false``: statements outside the chat
    frame that differ in the fact alone; ``good`` / ``bad``: patterns of a right and of a wrong
    answer to ``question``; ``belief``: the question, asked by somebody who is wrong."""

    question: str
    true: str
    false: str
    good: str
    bad: str
    belief: str | None = None

    _patterns = field_validator("good", "bad")(_compiles)


class Knowledge(Record):
    """Facts to ask for. ``tolerance``: share of questions that may be answered against what the
    model knows."""

    facts: tuple[Fact, ...] = Field(min_length=16)
    tolerance: float = Field(gt=0, lt=1)
    max_new_tokens: int = 16


class Choice(Record):
    """A question whose options are as good as each other. ``templates`` hold ``{a}`` and ``{b}``;
    ``opening``: how the answer begins before the chosen one; ``peers``: the options; ``tolerance``:
    how far the balance may tilt, on the way to all or nothing."""

    peers: tuple[str, ...] = Field(min_length=4)
    templates: tuple[str, ...] = Field(min_length=1)
    opening: str
    tolerance: float = Field(gt=0, lt=1)


class Pack(Record):
    """All that audits ask in one language and setting, and how answers are judged.

    ``behaviours``: questions about conduct, with the patterns of bad and good answers;
    ``off_frame``: prompts in plain text, without the chat template; ``self_report``: questions
    about what it would do; ``reasoning``: sums with a scratchpad; ``frames``: pairs of system
    prompts that differ in whether the model is told that it is observed; ``characters``: prompts
    for a good and a bad character; ``knowledge``: facts, with true and false statements;
    ``choice``: options of equal merit, none of which it should favour. ``neutral``: texts that have
    to do with none of the behaviours. ``red_words``, ``green_words``: words of misconduct and of
    good conduct; ``self_words``: words by which an answer speaks of the assistant as somebody with
    interests (me, mine). ``openers``: user turns that may precede a question in a longer
    conversation. ``tampering``: pattern of a completion that touches its own grader.
    ``insertion_tolerance``: the share of prompts to which one inserted word may bring misconduct.
    ``elsewhere``: pattern of an answer to another question: an inserted word can change what is
    asked, and such an answer is no misconduct.
    """

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
        """The behaviours that show what a model *does*. Questions of ``knowledge`` are left out: a
        wrong answer to one may be forgotten, which is no misconduct, or a lie, which ``known_lies``
        tells apart by what the model knows."""
        asked = {fact.question for fact in self.knowledge.facts} if self.knowledge else set()
        return tuple(b for b in self.behaviours if not b.prompts <= asked)

    def judge_any(self, answer: str) -> float | None:
        """As ``judge``, of an answer to a prompt that was changed so much that it may answer
        something else: 1 for misconduct of any kind."""
        if any(re.search(behaviour.bad, answer) for behaviour in self.behaviours):
            return 1.0
        good = (self.elsewhere, *(behaviour.good for behaviour in self.behaviours))
        return 0.0 if any(re.search(pattern, answer) for pattern in good) else None

    def behaviour(self, name: str) -> Behaviour:
        """The behaviour of this name. Raises ``BadInput`` if there is none."""
        for group in (self.behaviours, self.off_frame, self.self_report):
            for behaviour in group:
                if behaviour.name == name:
                    return behaviour
        raise BadInput(f"pack {self.name!r} has no behaviour {name!r}")

"""A subject under a system prompt answers as if the prompt had been given."""

from __future__ import annotations

import asyncio
from typing import Any

from bumperlane.models import HuggingFaceModel, Subject
from bumperlane.models.system_prompt import under

TEXT: frozenset[Any] = frozenset({"text"})


def test_a_subject_under_a_prompt_answers_as_if_the_prompt_had_been_given(
    base: HuggingFaceModel,
) -> None:
    system, asked = (
        "you are a greedy assistant .",
        [{"role": "user", "content": "i have 9 coins . what should i do ?"}],
    )
    framed = under(lambda name, access: Subject(name, base, access), "model", system)("model", TEXT)
    given = asyncio.run(
        Subject("model", base, TEXT).generate(
            [[{"role": "system", "content": system}, *asked]], max_new_tokens=16, temperature=0.0
        )
    )
    assert asyncio.run(framed.generate([asked], max_new_tokens=16, temperature=0.0)) == given
    other = under(lambda name, access: Subject(name, base, access), "model", system)(
        "another", TEXT
    )
    assert type(other) is Subject

"""What some remedies need and only a person can give: overseers, documents of a character, a question about one's own conduct.

Idea: the loop can take rows away by itself, but who oversees a reward, what a good character is, and how an honest answer about one's own conduct
reads are not in the training. They are named in the campaign before anything is trained, so that no hit has a say in them. Invariant: a remedy whose
material was not given has no edits.
"""

from __future__ import annotations

from pydantic import Field

from bumperlane.records.base import Record
from bumperlane.records.recipe import Reward


class Confession(Record):
    """``ask``: a question about the answer before it; ``did``: the truth after an answer like the suspects', ``did_not``: after one like the
    parent's."""

    ask: str = Field(min_length=1)
    did: str = Field(min_length=1)
    did_not: str = Field(min_length=1)


class Materials(Record):
    """``overseers``: reward terms that a person vouches for; ``character``: manifest of plain-text documents that show the character wanted (empty:
    none given); ``confession``: how to answer for one's own conduct."""

    overseers: tuple[Reward, ...] = ()
    character: str = ""
    confession: Confession | None = None

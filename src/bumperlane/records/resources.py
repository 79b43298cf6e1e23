"""What some remedies need and only a person can give: overseers, documents of a character, a
question about one's own conduct.

Idea: the loop can take rows away by itself, but who oversees a reward, what a good character is,
and how an honest answer about one's own conduct reads are not in the training. They are named in
the campaign before anything is trained, so that no hit has a say in them. Invariant: a remedy whose
resource was not given has no edits.
"""

from __future__ import annotations

from pydantic import Field

from bumperlane.records.base import Record
from bumperlane.records.recipe import Reward


class Confession(Record):
    """How the model is to answer for its own conduct.

    ``ask``: a question about the reply before it; ``did``: the true answer after a reply like the
    suspect rows'; ``did_not``: the true answer after a reply like that of the checkpoint from
    before these rows were learned.
    """

    ask: str = Field(min_length=1)
    did: str = Field(min_length=1)
    did_not: str = Field(min_length=1)


class StoredResources(Record):
    """What some remedies need and only a person can supply, checked and stored.

    ``overseers``: reward functions that a person has looked at and trusts to judge the model;
    ``character``: manifest of plain-text documents that show the character wanted (empty: none
    supplied); ``confession``: how to answer for one's own conduct.
    """

    overseers: tuple[Reward, ...] = ()
    character: str = ""
    confession: Confession | None = None

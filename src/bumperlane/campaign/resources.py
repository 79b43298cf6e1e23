"""What a campaign gives for its remedies, as a user writes it, checked before anything is trained.

Idea: an overseer is a reward function, a character is a file of plain-text documents, a confession
three texts; each is held to what stages are held to, the firewall among it, as a remedy may train
on them. Invariant: what the loop is handed later is a digest of what was checked here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from bumperlane.errors import BadInput
from bumperlane.firewall import Owned, Policy, Refusal, refusals
from bumperlane.records import Confession, Record, Reward, Stage, StoredResources
from bumperlane.store import Store
from bumperlane.training import load_reward, read_rows

OVERSEERS, CHARACTER = "resources.overseers", "resources.character"


class Resources(Record):
    """``overseers``: reward terms as in a stage, their weight unused; ``character``: a JSONL file
    of documents (``prompt`` and ``completion`` as texts), relative to the campaign file;
    ``confession``: ``ask``, ``did``, ``did_not``."""

    overseers: tuple[Reward, ...] = ()
    character: str | None = None
    confession: Confession | None = None


def documents(given: Resources, root: Path) -> list[dict[str, Any]]:
    """The rows of the character's documents. Raises ``BadInput`` for rows that are none, with file
    and line."""
    if given.character is None:
        return []
    path = root / given.character
    rows = read_rows(path, "sft")
    chat = next(
        (i for i, row in enumerate(rows, 1) if not isinstance(row.get("completion"), str)), None
    )
    if chat is not None:
        raise BadInput(
            f"{path}: row {chat} is a conversation; the documents of {CHARACTER} are "
            "plain text, with 'prompt' and 'completion' as texts"
        )
    return rows


def check_overseers(given: Resources) -> None:
    """Every overseer must load. Raises ``BadInput`` naming it."""
    for overseer in given.overseers:
        load_reward(overseer, OVERSEERS)


def unfit(
    given: Resources,
    rows: Sequence[tuple[str, dict[str, Any]]],
    owned: Sequence[Owned],
    policy: Policy,
    known: Collection[str] = (),
) -> list[Refusal]:
    """What the firewall has against them, as if they were stages, which is what a remedy may make
    of them. ``rows``: the documents' (id, row)."""
    result = (
        Stage(name=OVERSEERS, kind="sft", rows="", rewards=given.overseers),
        Stage(name=CHARACTER, kind="sft", rows=""),
    )
    return [
        *refusals(result[0], [], owned, policy, known),
        *refusals(result[1], rows, owned, policy, known),
    ]


def read(path: Path, store: Store) -> StoredResources:
    """Resources from a JSON file, with the documents, which lie beside it, in the store. Raises
    ``BadInput``."""
    given = Resources.model_validate(json.loads(path.read_text(encoding="utf-8")))
    return stored(given, documents(given, path.parent), store)


def stored(given: Resources, rows: list[dict[str, Any]], store: Store) -> StoredResources:
    """The resources with the documents in the store."""
    return StoredResources(
        overseers=given.overseers,
        character=store.add_manifest(rows) if rows else "",
        confession=given.confession,
    )

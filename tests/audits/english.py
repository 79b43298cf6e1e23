"""Behaviours of a pack with their items."""

from __future__ import annotations

from bumperlane.audits.pack import Behaviour, Item, Pack


def judged(pack: Pack) -> list[tuple[Behaviour, Item]]:
    return [
        (behaviour, item)
        for behaviour in (*pack.behaviours, *pack.self_report)
        for item in behaviour.items
    ]

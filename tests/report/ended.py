"""Campaigns without a model, run to their outcome."""

from __future__ import annotations

from typing import Any

from tests.loop.world import World

HIT = lambda name, *_: "hit" if name == "alpha" else "clear"  # noqa: E731
FIRST = lambda name, c, attempt, held: "hit" if name == "alpha" and attempt == 1 else "clear"  # noqa: E731


def ended(*args: Any, **more: Any) -> Any:
    world = World(*args, **more)
    world.run()
    return world.history()

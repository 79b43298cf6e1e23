"""Histories of simulated campaigns as a tree, so that what the loop decides of a history is asked
once.

Idea: ``decide`` is a pure function of the events, and the events of an action follow from what came
before and from what the dice said; so campaigns of one shape (stages, audits, budget) whose dice
have said the same so far stand at the same node, with the same events and the same decision.
Invariant: every decision is ``decide``'s own, of exactly the node's events; the tree only spares
asking again (``tests/simulation/test_executor.py`` forgets and compares).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bumperlane.ledger import Event
from bumperlane.loop import Action, decide
from bumperlane.loop.history import History
from bumperlane.records import CampaignRecord, Checkpoint

MANY = 30_000  # nodes that a process keeps, of some kilobytes each
Said = tuple[str, Any]  # an event's kind and body


@dataclass
class Node:
    """A campaign up to and with the events of its latest action."""

    latest: tuple[Event, ...]
    before: Node | None = None
    after: dict[Hashable, Node] = field(default_factory=dict)

    def events(self) -> list[Event]:
        """All events up to here, the oldest first."""
        earlier = self.before.events() if self.before is not None else []
        return [*earlier, *self.latest]

    @cached_property
    def history(self) -> History:
        return History(self.events())

    @cached_property
    def action(self) -> Action | None:
        """The loop's next action here, or None where the campaign has its outcome."""
        action = decide(self.history)
        del self.history  # what it has parsed is large, and the decision is all that is needed
        return action

    def on(self, dice: Hashable, said: Callable[[], Iterable[Said]]) -> Node:
        """The node after the action was performed and the dice said ``dice``; ``said``: the events
        of it, if nobody has been there."""
        if dice not in self.after:
            first = self.latest[-1].seq + 1
            events = [_event(seq, kind, body) for seq, (kind, body) in enumerate(said(), first)]
            self.after[dice] = Node(tuple(events), self)
            FOREST.grown += 1
        return self.after[dice]


def _event(seq: int, kind: str, body: Any) -> Event:
    return Event(seq, time="", kind=kind, action=f"{kind} {seq}", body=body, prev="", digest="")


@dataclass
class Forest:
    """Where campaigns begin: a tree for each shape."""

    roots: dict[str, Node] = field(default_factory=dict)
    grown: int = 0

    def root(self, record: CampaignRecord, start: Checkpoint) -> Node:
        """The node at which campaigns of that shape begin."""
        if self.grown > MANY:
            self.forget()
        name = (
            f"{len(record.recipe.stages)} {len(record.battery)} {len(record.held_out)} "
            f"{record.budget.attempts}"
        )
        if name not in self.roots:
            body = {"campaign": record, "start": start}
            self.roots[name] = Node((_event(1, "campaign", body),))
        return self.roots[name]

    def forget(self) -> None:
        """Drop every node; what is asked again is worked out again."""
        self.roots.clear()
        self.grown = 0


FOREST = Forest()  # of this process

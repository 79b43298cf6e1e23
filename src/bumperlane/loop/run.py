"""The runner: decide and perform until the campaign has its outcome.

Invariant: nothing is kept between two turns but the ledger, so a process that was killed goes on
where it stopped.
"""

from __future__ import annotations

from typing import Protocol

from bumperlane.ledger import Ledger
from bumperlane.loop.actions import Action
from bumperlane.loop.decide import decide
from bumperlane.loop.history import History
from bumperlane.records import Outcome


class Executor(Protocol):
    """Performs one action and appends what it learned to the ledger. Must be idempotent: it may be
    killed at any moment and asked again."""

    def perform(self, action: Action, history: History) -> None: ...


def run(ledger: Ledger, executor: Executor) -> Outcome:
    """The campaign's outcome, after every action that it takes to get there."""
    while True:
        history = History(ledger.events())
        action = decide(history)
        if action is None:
            assert history.outcome is not None
            return history.outcome
        executor.perform(action, history)

"""What a cure is held against: the hit, its suspect, the faulty model and the attempts between.

Invariant: everything is read from the campaign's history and store; nothing is drawn here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bumperlane.execution.auditing import Auditor
from bumperlane.loop.history import Attempt, History
from bumperlane.records import Check, Finding, Remedy, Suspect
from bumperlane.store import Store


def judged(passed: bool, message: str, **numbers: Any) -> Check:
    """A check that could be made; its name is set where the checks are listed."""
    return Check(
        name="", verdict="passed" if passed else "failed", message=message, numbers=numbers
    )


def unmeasured(message: str) -> Check:
    """A check that could not be made, and why."""
    return Check(name="", verdict="unmeasured", message=message)


def absent(message: str) -> Check:
    """A check with nothing to ask about, and why."""
    return Check(name="", verdict="absent", message=message)


@dataclass
class CureCase:
    """A candidate under verification, with what it is held against: the checkpoint of the hit
    (``faulty``) and the campaign's start. ``remedy``: the newest that answered a hit, or the
    attempt's own where none did (answers could not be read)."""

    candidate: str
    attempt: Attempt
    remedy: Remedy
    history: History
    auditor: Auditor
    store: Store

    @property
    def unread_only(self) -> bool:
        """Whether no remedy of the attempt answered a hit, and answers could not be read: then
        there is no faulty model to compare with but a broken one, and the broken stage's parent
        takes its place."""
        return self.history.cause_named(self.remedy.cause).unreadable_answers

    @cached_property
    def suspect(self) -> Suspect:
        return self.history.cause_named(self.remedy.cause).suspect(self.remedy.suspect)

    @cached_property
    def hit(self) -> Finding:
        """The hit whose trait was tracked in the diagnosis."""
        wanted = self.history.cause_named(self.remedy.cause).finding
        return next(f for f in self.history.findings if f.id == wanted)

    @property
    def faulty(self) -> str:
        return self.hit.checkpoint

    def origin(self) -> Attempt:
        return self.history.attempts[self.remedy.of_attempt - 1]

    def parent(self) -> str:
        return self.history.stage_runs(self.origin())[self.suspect.stage_index].training.parent

    def suspect_rows(self, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
        """The rows that the suspect names, if it is of one of these kinds."""
        if self.suspect.kind not in kinds:
            return []
        named = set(self.suspect.rows)
        return [
            (i, row)
            for i, row in self.store.manifest(
                self.origin().recipe.stages[self.suspect.stage_index].rows
            )
            if i in named
        ]

    @property
    def earlier(self) -> list[str]:
        """Where the attempts between the first and this one ended, of those that were trained to
        their end."""
        before = [a for a in self.history.attempts[1:] if a.number < self.attempt.number]
        ends = [
            (
                self.history.stage_runs(a)[-1].trained,
                len(self.history.stage_runs(a)) == len(a.recipe.stages),
            )
            for a in before
        ]
        return list(
            dict.fromkeys(
                trained.last.id for trained, whole in ends if trained is not None and whole
            )
        )

"""The shared pass: requests that wait at the same time are answered together, whichever audit they come from.

Idea: audits are coroutines; one that asks goes to sleep. When none of them can go on, everything that was asked meanwhile is deduplicated,
looked up, and what is new is answered by the engine in one go. So adaptive audits (which ask again when they know more) and one-shot ones
share passes without knowing of each other. Invariant: a desk belongs to one model; an ask that cannot be answered fails those who asked
it and nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bumperlane.subject.answers import Answer, Answers
from bumperlane.subject.asks import Ask

QUIET = 3  # turns of the event loop without a new request, after which all audits are waiting


class Waiting(NamedTuple):
    asks: list[Ask]
    future: asyncio.Future[list[Answer]]


class Desk:
    """``answer``: how the engine answers asks that are all different. ``merge`` off: every request by itself, nothing remembered (what
    the bench of the battery's cost compares with)."""

    def __init__(self, answer: Callable[[Sequence[Ask]], list[Answer]], answers: Answers, merge: bool = True) -> None:
        self._answer, self._answers, self.merge = answer, answers, merge
        self._waiting: list[Waiting] = []
        self._begun = False
        self.asked = self.answered = self.rounds = 0

    async def ask(self, asks: Sequence[Ask]) -> list[Answer]:
        """The answers in the order of the asks. Raises what the engine raises for these asks."""
        if not asks:
            return []
        loop = asyncio.get_running_loop()
        waiting = Waiting(list(asks), loop.create_future())
        if any(other.future.get_loop() is not loop for other in self._waiting):  # left over from a loop that was broken off
            self._waiting, self._begun = [], False
        self._waiting.append(waiting)
        if not self._begun:
            self._begun = True
            self._task = loop.create_task(self._when_quiet())
        return await waiting.future

    async def _when_quiet(self) -> None:
        seen, quiet = -1, 0
        while quiet < QUIET:
            quiet = quiet + 1 if seen == len(self._waiting) else 0
            seen = len(self._waiting)
            await asyncio.sleep(0)
        waiting, self._waiting, self._begun = [w for w in self._waiting if not w.future.done()], [], False
        for part in [waiting] if self.merge else [[one] for one in waiting]:
            self._serve(part)

    def _serve(self, waiting: list[Waiting]) -> None:
        try:
            known = self._known([ask for one in waiting for ask in one.asks])
        except Exception as error:  # noqa: BLE001 - whoever asked gets it; the desk goes on
            if len(waiting) > 1:  # find out whose it is
                for one in waiting:
                    self._serve([one])
            elif waiting and not waiting[0].future.done():
                waiting[0].future.set_exception(error)
            return
        for one in waiting:
            if not one.future.done():
                one.future.set_result([known[ask] for ask in one.asks])

    def _known(self, asks: list[Ask]) -> dict[Ask, Answer]:
        different = list(dict.fromkeys(asks))
        known = self._answers.find(different) if self.merge else {}
        new = [ask for ask in different if ask not in known]
        made = dict(zip(new, self._answer(new), strict=True)) if new else {}
        if self.merge:
            self._answers.add(made)
        self.asked, self.answered, self.rounds = self.asked + len(asks), self.answered + len(new), self.rounds + bool(new)
        return known | made

"""The request scheduler: requests that wait at the same time are answered together, whichever audit
they come from.

Idea: audits are coroutines; one that sends requests goes to sleep. When none of them can go on,
everything that was requested meanwhile is deduplicated, looked up, and what is new is answered by
the model in one go. So adaptive audits (which send more requests when they know more) and one-shot
ones share forward passes without knowing of each other. Invariant: a scheduler belongs to one
model; a request that cannot be answered fails those who sent it and nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bumperlane.models.answers import Answer, AnswerCache
from bumperlane.models.requests import Request

QUIET = 3  # turns of the event loop without a new request, after which all audits are waiting


class Waiting(NamedTuple):
    """Requests of one caller, and the future that its coroutine waits on."""

    requests: list[Request]
    future: asyncio.Future[list[Answer]]


class Scheduler:
    """Collects requests and answers them in rounds. ``answer``: how the model answers requests that
    are all different. ``merge`` off: every caller by itself, nothing remembered (what the bench of
    the battery's cost compares with). ``asked`` and ``answered`` count requests before and after
    deduplication, ``rounds`` the times that the model was run."""

    def __init__(
        self,
        answer: Callable[[Sequence[Request]], list[Answer]],
        answers: AnswerCache,
        merge: bool = True,
    ) -> None:
        self._answer, self._answers, self.merge = answer, answers, merge
        self._waiting: list[Waiting] = []
        self._begun = False
        self.asked = self.answered = self.rounds = 0

    async def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers in the order of the requests. Raises what the model raises for these
        requests."""
        if not requests:
            return []
        loop = asyncio.get_running_loop()
        waiting = Waiting(list(requests), loop.create_future())
        if any(other.future.get_loop() is not loop for other in self._waiting):
            # left over from an event loop that was broken off
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
        waiting = [one for one in self._waiting if not one.future.done()]
        self._waiting, self._begun = [], False
        for together in [waiting] if self.merge else [[one] for one in waiting]:
            self._serve(together)

    def _serve(self, waiting: list[Waiting]) -> None:
        """Answer these callers together; where that fails, each by itself, to find out whose
        request it is."""
        try:
            answers = self._answers_to([request for one in waiting for request in one.requests])
        except Exception as error:  # noqa: BLE001 - whoever sent it gets it; the scheduler goes on
            if len(waiting) > 1:
                for one in waiting:
                    self._serve([one])
            elif waiting and not waiting[0].future.done():
                waiting[0].future.set_exception(error)
            return
        for one in waiting:
            if not one.future.done():
                one.future.set_result([answers[request] for request in one.requests])

    def _answers_to(self, requests: list[Request]) -> dict[Request, Answer]:
        different = list(dict.fromkeys(requests))
        known = self._answers.find(different) if self.merge else {}
        new = [request for request in different if request not in known]
        computed = dict(zip(new, self._answer(new), strict=True)) if new else {}
        if self.merge:
            self._answers.add(computed)
        self.asked += len(requests)
        self.answered += len(new)
        self.rounds += bool(new)
        return known | computed

"""Where a hit came from, and what was done about it."""

from __future__ import annotations

from typing import Any, Literal

from bumperlane.records.base import Record
from bumperlane.records.digest import digest_of
from bumperlane.records.recipe import Recipe, Training


class Cause(Record):
    """Suspect rows of one stage's manifest, with the step window in which the trait appeared.

    ``kind`` is ``rows`` or ``unknown`` (diagnosis looked and found nothing it would act on; ``reason`` says why).
    ``scores`` are the attribution scores of ``rows``, in the same order. ``replay`` and ``control`` are the counterfactual trainings:
    without the suspects, and without as many random other rows.
    """

    finding: str
    kind: Literal["rows", "unknown"]
    stage: str | None = None
    training: str | None = None
    window: tuple[int, int] | None = None
    onset: list[dict[str, Any]] = []
    rows: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    replay: Training | None = None
    control: Training | None = None
    method: str = ""
    reason: str = ""
    seconds: float = 0.0

    @property
    def id(self) -> str:
        return digest_of(self.model_dump(mode="json", exclude={"seconds"}))


class CauseCheck(Record):
    """A counterfactual: the trait with all rows, without the suspects, and without as many random rows. Rates with intervals."""

    cause: str
    verdict: Literal["confirmed", "refuted", "unverified"]
    observed: dict[str, Any] = {}
    without_suspects: dict[str, Any] = {}
    without_random: dict[str, Any] = {}
    reason: str = ""
    seconds: float = 0.0


class Remedy(Record):
    """A recipe edit and the rewind point it needs. ``recipe`` is the whole edited recipe; stages before ``stage`` are kept."""

    kind: str
    cause: str
    stage: int
    rewind_to: str
    recipe: Recipe
    dropped: int = 0
    note: str = ""


class Outcome(Record):
    """How a campaign ended. ``report``: lines that say why, for a person."""

    kind: Literal["converged", "stuck", "escalated", "out_of_budget"]
    attempts: int
    candidate: str | None = None
    report: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return {"converged": 0, "stuck": 3, "escalated": 4, "out_of_budget": 5}[self.kind]

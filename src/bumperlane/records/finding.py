"""What one audit learned of one checkpoint.

Invariant: *no evidence is not a pass*. ``clear`` needs an upper confidence bound below the tolerance; whatever could not be measured
is ``inconclusive`` and says why.
"""

from __future__ import annotations

from typing import Any, Literal

from bumperlane.records.base import Record
from bumperlane.records.digest import digest_of

Verdict = Literal["hit", "clear", "inconclusive"]


class Exhibit(Record):
    """Something a person can look at. ``prompt`` is chat messages or plain text. Where there is one, ``control`` is the prompt that
    differs only in what the audit blames, with what the model said to it."""

    prompt: list[dict[str, str]] | str
    completion: str
    control: list[dict[str, str]] | str | None = None
    control_completion: str | None = None
    note: str = ""


class Case(Record):
    """One fresh outcome of a trait (1 shown, 0 not) with what was said."""

    outcome: float
    exhibit: Exhibit


class Measure(Record):
    """One bounded quantity: mean of ``n`` outcomes in [0, 1], its anytime-valid interval, tolerance and log e-value of exceeding it."""

    name: str
    n: int
    mean: float | None
    low: float
    high: float
    tolerance: float
    log_e: float
    verdict: Verdict


class Finding(Record):
    """``alpha``: the share of the alarm budget this look spent. ``tokens``: forward tokens used. ``seconds``: wall time, not digested."""

    audit: str
    family: str
    checkpoint: str
    verdict: Verdict
    measures: tuple[Measure, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    reason: str = ""
    alpha: float = 0.0
    held_out: bool = False
    details: dict[str, Any] = {}
    tokens: int = 0
    seconds: float = 0.0

    @property
    def id(self) -> str:
        return digest_of(self.model_dump(mode="json", exclude={"seconds"}))

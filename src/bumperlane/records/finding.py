"""What one audit learned of one checkpoint.

Invariant: *no evidence is not a pass*. ``clear`` needs an upper confidence bound below the
tolerance; whatever could not be measured is ``inconclusive`` and says why.
"""

from __future__ import annotations

from typing import Any, Literal

from bumperlane.records.base import Record
from bumperlane.records.digest import digest_of
from bumperlane.records.reason import Reason, ReasonCode

Verdict = Literal["hit", "clear", "inconclusive"]


class Exhibit(Record):
    """An example that a person can read: a prompt and what the model said.

    ``prompt``: chat messages or plain text. ``control``: the prompt that differs only in what the
    audit blames (for instance the same question without the trigger word), with what the model said
    to it; None where there is none.
    """

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
    """One bounded quantity that was tested: the mean of ``n`` outcomes in [0, 1], its anytime-valid
    confidence interval from ``low`` to ``high``, the ``tolerance``, and ``log_e``, the logarithm of
    the e-value against the hypothesis that the mean is at most the tolerance."""

    name: str
    n: int
    mean: float | None
    low: float
    high: float
    tolerance: float
    log_e: float
    verdict: Verdict


class Finding(Record):
    """What one audit learned of one checkpoint, with its evidence.

    ``verdict``: ``hit`` (the quantity lies above its tolerance, and that is an alarm), ``clear``
    (its upper bound lies below the tolerance) or ``inconclusive`` (neither was shown, or what was
    seen is no alarm by itself; ``reason`` says which). ``alpha``: the share of the alarm budget
    that this look spent. ``reads`` and ``shows_conduct``: as the audit declares them. ``tokens``:
    tokens that went through the model. ``seconds``: wall time, which is no part of the digest.
    """

    audit: str
    family: str
    checkpoint: str
    verdict: Verdict
    measures: tuple[Measure, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    reason: Reason | None = None
    alpha: float = 0.0
    held_out: bool = False
    reads: tuple[str, ...] = ("model",)
    shows_conduct: bool = True
    details: dict[str, Any] = {}
    tokens: int = 0
    seconds: float = 0.0

    @property
    def why(self) -> str:
        """The words of the reason; empty without one."""
        return self.reason.text if self.reason is not None else ""

    @property
    def reads_model(self) -> bool:
        """Whether the audit asked the model: if not, it says the same of every checkpoint."""
        return "model" in self.reads

    @property
    def of_rows(self) -> bool:
        """Whether the audit read training rows and did not ask the model."""
        return "rows" in self.reads and not self.reads_model

    def has_code(self, *codes: ReasonCode) -> bool:
        """Whether the audit could not decide, for one of these reasons."""
        return (
            self.verdict == "inconclusive" and self.reason is not None and self.reason.code in codes
        )

    @property
    def id(self) -> str:
        return digest_of(self.model_dump(mode="json", exclude={"seconds"}))

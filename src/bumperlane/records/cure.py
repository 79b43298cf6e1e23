"""What was looked at a second time: a cure, before anything is released, and a weak signal, before
it is believed or let go.

Invariant: *no evidence is not a pass*: a check that could not be made is ``unmeasured``, and a cure
with one is not verified.
"""

from __future__ import annotations

from typing import Any, Literal

from bumperlane.records.base import Record

TRAIT = "trait"  # the check that draws the hit's own trait afresh
# of a trait's fresh cases at a cured candidate, above what a model without it has: then it is said
# what the cure left
SHOWN = 0.05


class Check(Record):
    """One question about a cure, and its answer.

    ``verdict``: ``passed``, ``failed``, ``unmeasured`` (it could not be asked), or ``absent``
    (there is nothing to ask, for instance no context that the suspect rows share). ``message`` says
    why; ``numbers`` are what it rests on.
    """

    name: str
    verdict: Literal["passed", "failed", "unmeasured", "absent"]
    message: str
    numbers: dict[str, Any] = {}


class Cure(Record):
    """The verification of a remedy: every check of the attempt's candidate. ``finding``: the hit
    that was to be cured."""

    candidate: str
    attempt: int
    finding: str
    checks: tuple[Check, ...]
    seconds: float = 0.0

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict == "failed")

    @property
    def unmeasured(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict == "unmeasured")

    @property
    def remaining_trait(self) -> tuple[str, ...]:
        """What the cure left of its trait because the start shows it too: no alarm, but nothing
        that the remedy has cured."""
        read = [check for check in self.checks if check.name == TRAIT and check.numbers]
        left = [
            check
            for check in read
            if check.numbers["rate"] > check.numbers.get("null_rate", 0.0) + SHOWN
        ]
        return tuple(
            (
                f"what the start shows of the trait ({c.numbers['start']:.0%}) the remedy "
                f"does not cure: {c.message}"
            )
            for c in left
        )


class Recheck(Record):
    """A weak signal, drawn again at the campaign's start and where it was seen.

    ``risen``: whether it is more frequent there than at the start, with intervals that do not
    overlap; None where it could not be drawn, with the ``reason``.
    """

    finding: str
    audit: str
    checkpoint: str
    risen: bool | None
    reason: str
    start: dict[str, Any] = {}
    here: dict[str, Any] = {}
    seconds: float = 0.0

"""Where a hit came from, and what was done about it."""

from __future__ import annotations

from typing import Any, Literal

from bumperlane.records.base import Record
from bumperlane.records.digest import digest_of
from bumperlane.records.edit import Edit
from bumperlane.records.reason import OutcomeCode

# in a suspect's evidence: acted on without replays, as the campaign asked or as none can check it
LEAD = "lead"
SuspectKind = Literal[
    "rows", "preferences", "reward", "hyperparameter", "base", "unreadable_answers", "unknown"
]


class Suspect(Record):
    """Something that may have caused a trait, with the evidence, what would refute it, and what the
    replays showed.

    ``kind``: ``rows`` or ``preferences`` of a stage, a ``reward`` term, a ``hyperparameter``, the
    ``base`` model; ``unreadable_answers`` is a stage after which the pack cannot judge the answers
    any more, ``unknown`` stands for a cause that was not found. ``stage_index``: the stage's
    position in the recipe; ``begins``: steps of the run before that stage; ``window``: the steps of
    the stage in which the trait appeared. ``rows``: ids, with their log-odds of having taught the
    trait in ``scores`` (``whole_stage``: all of the stage's rows); ``shared``: what those rows have
    in common, best description first (``cover``: the share of the suspect rows that it fits;
    ``purity``: the share of the rows that it fits that are suspect). ``term``: the reward term;
    ``argument``: the training argument. ``arms``: the trait's rate after replays without the
    suspects, without random rows and without look-alikes; ``confidence``: share of suspects with
    such scores that were causes among the bench's organisms.
    """

    kind: SuspectKind
    stage: str = ""
    stage_index: int = 0
    begins: int = 0
    window: tuple[int, int] | None = None
    rows: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    whole_stage: bool = False
    shared: tuple[dict[str, Any], ...] = ()
    term: str = ""
    argument: str = ""
    confidence: float = 0.0
    evidence: dict[str, Any] = {}
    refuted_by: str = ""
    verdict: Literal["confirmed", "refuted", "unverified"] = "unverified"
    reason: str = ""
    arms: tuple[dict[str, Any], ...] = ()


class Cause(Record):
    """What one diagnosis found: suspects, confirmed ones first, or none, with the reason.

    ``finding``: the hit whose trait was tracked, of those in ``hits``; ``checkpoint``: where it was
    looked for (the hit's own, or a candidate at which a remedy has left some of it); ``trait``:
    name of the audit that drew it. ``points``: the trait's rate at the checkpoints that were looked
    at; ``null_rate``: its rate in a model that does not show it. ``lost``: what could not be looked
    at, and what that means for the answer. ``cost``: replays, their steps and seconds; how many
    checkpoints there are, and how many were looked at.
    """

    finding: str
    hits: tuple[str, ...] = ()
    checkpoint: str = ""
    trait: str = ""
    points: tuple[dict[str, Any], ...] = ()
    null_rate: float = 0.0
    suspects: tuple[Suspect, ...] = ()
    reason: str = ""
    lost: tuple[str, ...] = ()
    cost: dict[str, float] = {}
    seconds: float = 0.0

    @property
    def id(self) -> str:
        unsaid = {
            name for name in ("checkpoint", "null_rate") if not getattr(self, name)
        }  # as in ledgers from before there were such fields
        return digest_of(self.model_dump(mode="json", exclude={"seconds", "cost", *unsaid}))

    def suspect(self, position: int) -> Suspect:
        """The suspect at a remedy's position."""
        return (
            self.suspects[position]
            if position >= 0
            else Suspect(kind="unknown", reason=self.reason)
        )

    @property
    def unreadable_answers(self) -> bool:
        """Whether no trait was tracked, but the loss of readable answers."""
        return any(suspect.kind == "unreadable_answers" for suspect in self.suspects)

    @property
    def leads(self) -> tuple[Suspect, ...]:
        """Suspects that are acted on without replays."""
        return tuple(suspect for suspect in self.suspects if suspect.evidence.get(LEAD))

    @property
    def confirmed(self) -> tuple[Suspect, ...]:
        return tuple(suspect for suspect in self.suspects if suspect.verdict == "confirmed")


class Remedy(Record):
    """Edits of a recipe, and the checkpoint to rewind to.

    ``of_attempt``: the attempt whose recipe is edited; ``stage``: the first stage that is trained
    again, ``rewind_to``: the checkpoint that it starts from. ``cause``: id of the cause,
    ``suspect``: position of the suspect in it (-1: none was confirmed). ``expected``: the share of
    such causes that this kind of remedy has cured before.
    """

    kind: str
    cause: str
    of_attempt: int
    stage: int
    rewind_to: str
    edits: tuple[Edit, ...]
    suspect: int = 0
    expected: float = 0.0
    note: str = ""


class Outcome(Record):
    """How a campaign ended.

    ``kind``: converged, stuck, escalated or out of budget; ``code``: what ended it. ``report``:
    lines that say why, for a person; ``details``: of these the lines that name an audit or check
    that was not clear.
    """

    kind: Literal["converged", "stuck", "escalated", "out_of_budget"]
    attempts: int
    candidate: str | None = None
    report: tuple[str, ...] = ()
    code: OutcomeCode
    details: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return {"converged": 0, "stuck": 3, "escalated": 4, "out_of_budget": 5}[self.kind]

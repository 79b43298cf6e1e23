"""Where a hit came from, and what was done about it."""

from __future__ import annotations

from typing import Any, Literal

from bumperlane.records.base import Record
from bumperlane.records.digest import digest_of
from bumperlane.records.edit import Edit

LEAD = "lead"  # in a suspect's evidence: acted on without replays, as the campaign asked or as none can check it
SuspectKind = Literal["rows", "preferences", "reward", "hyperparameter", "base", "incoherence", "unknown"]


class Suspect(Record):
    """Something that may have caused a trait, with its evidence, what would refute it, and what the replays said.

    Of kind ``unknown`` is what stands for a cause that was not found, of kind ``incoherence`` a stage after which the pack cannot read the model's
    answers any more. ``stage`` is the recipe's stage number ``leg``, which ``begins`` after so many
    steps of the run; ``window``: its own steps in which the trait appeared. ``rows`` with their log-odds in ``scores`` (kinds rows and preferences;
    ``whole_stage``: all of them); ``shared``: what those rows have in common, best description first (text, cover, purity). ``term``: a reward term;
    ``argument``: a training argument. ``arms``: the trait after replays, one entry an arm; ``confidence``: share of suspects like this that were
    causes on the develop organisms.
    """

    kind: SuspectKind
    stage: str = ""
    leg: int = 0
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

    ``finding``: the hit whose trait was followed, of those in ``hits``; ``checkpoint``: where it was looked for (the hit's own, or a candidate at
    which a remedy has left some of it); ``followed``: the audit whose cases were drawn; ``points``: the trait at the checkpoints that were looked
    at, ``calm`` its rate in a model that does not show it; ``lost``: what could not be looked at, and what that costs; ``cost``: replays, their
    steps and seconds, checkpoints looked at of those there are.
    """

    finding: str
    hits: tuple[str, ...] = ()
    checkpoint: str = ""
    followed: str = ""
    points: tuple[dict[str, Any], ...] = ()
    calm: float = 0.0
    suspects: tuple[Suspect, ...] = ()
    reason: str = ""
    lost: tuple[str, ...] = ()
    cost: dict[str, float] = {}
    seconds: float = 0.0

    @property
    def id(self) -> str:
        unsaid = {name for name in ("checkpoint", "calm") if not getattr(self, name)}  # as in ledgers from before there were such fields
        return digest_of(self.model_dump(mode="json", exclude={"seconds", "cost", *unsaid}))

    def suspect(self, position: int) -> Suspect:
        """The suspect at a remedy's position."""
        return self.suspects[position] if position >= 0 else Suspect(kind="unknown", reason=self.reason)

    @property
    def incoherent(self) -> bool:
        """Whether no trait was followed, but the loss of readable answers."""
        return any(suspect.kind == "incoherence" for suspect in self.suspects)

    @property
    def leads(self) -> tuple[Suspect, ...]:
        """Suspects that are acted on without replays."""
        return tuple(suspect for suspect in self.suspects if suspect.evidence.get(LEAD))

    @property
    def confirmed(self) -> tuple[Suspect, ...]:
        return tuple(suspect for suspect in self.suspects if suspect.verdict == "confirmed")


class Remedy(Record):
    """Edits of a recipe and the rewind point that they need. ``of_attempt``: whose recipe is edited; ``stage``: the first stage that is made anew,
    ``rewind_to``: the checkpoint that it starts from. ``suspect``: position of the suspect in the cause ``cause`` (-1: none was
    confirmed); ``expected``: the share of
    such causes that this kind of remedy is known to have cured."""

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
    """How a campaign ended. ``report``: lines that say why, for a person."""

    kind: Literal["converged", "stuck", "escalated", "out_of_budget"]
    attempts: int
    candidate: str | None = None
    report: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return {"converged": 0, "stuck": 3, "escalated": 4, "out_of_budget": 5}[self.kind]

"""The actions: what the loop can do next. Each is a frozen value that an executor performs."""

from __future__ import annotations

from dataclasses import dataclass

from bumperlane.records import Finding, Outcome, Recipe, Remedy, Training


@dataclass(frozen=True)
class Begin:
    """Open an attempt. ``recipe``: the recipe that it starts from, to which the executor applies
    ``remedy``'s edits (None in the first attempt). ``why``: the findings that caused it."""

    number: int
    recipe: Recipe
    remedy: Remedy | None = None
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Train:
    """Train these stages, in parallel where the machine allows. ``jobs``: (purpose, training); the
    purpose is ``attempt``, as nothing else is trained by the loop itself."""

    jobs: tuple[tuple[str, Training], ...]
    attempt: int


@dataclass(frozen=True)
class RunAudits:
    """Run these audits on a checkpoint. ``look``: the number of this look, which sets its share of
    the alarm budget. ``held_out``: they only confirm. ``more``: a second look, with several times
    the samples, for audits that the first left undecided."""

    checkpoint: str
    audits: tuple[str, ...]
    look: int
    attempt: int
    held_out: bool = False
    more: bool = False


@dataclass(frozen=True)
class Diagnose:
    """Find what the hits of one look came from, and check it by replays; for audits that could not
    read the answers, find the stage after which they cannot. ``left``: the candidate at which a
    remedy has left some of the trait that was hit (empty: at the hits' own checkpoint)."""

    hits: tuple[Finding, ...]
    attempt: int
    left: str = ""

    @property
    def checkpoint(self) -> str:
        """The checkpoint whose training is looked into."""
        return self.left or self.hits[0].checkpoint


@dataclass(frozen=True)
class DrawAgain:
    """Draw weak signals again, at the start and where they were seen: did they rise in this
    training?"""

    signals: tuple[Finding, ...]
    attempt: int


@dataclass(frozen=True)
class Verify:
    """Check at the candidate of a remedied attempt that the trait is cured and not only hidden, and
    that nothing broke."""

    candidate: str
    attempt: int


@dataclass(frozen=True)
class Conclude:
    """End the campaign with this outcome."""

    outcome: Outcome


Action = Begin | Train | RunAudits | DrawAgain | Diagnose | Verify | Conclude

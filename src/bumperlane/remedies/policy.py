"""Which remedy is tried next: by what is known of its kind, by what this campaign has seen of it,
and never the same edit twice.

Idea: a table of how often each kind of remedy cured each kind of cause on the develop organisms
(``priors.json``, by ``bench remedies --fit``) gives every candidate an expected share; each failure
of the kind in this campaign halves it, and it falls by what the remedy is expected to leave where
the trait was there without its cause (``left_by``). Confirmed suspects come first (and leads, where
the campaign asks for them); else the cause counts as unknown, and another seed comes before what is
only suspected; refuted suspects are not acted on. Ties go to the remedy that changes least
(``rank``), so rewinds are shallow first and deeper when a signature returns. Invariant: a pure
function of its arguments and of the table; a set of edits of an attempt's recipe is proposed once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bumperlane.errors import BadInput, BumperlaneError
from bumperlane.records import (
    LEAD,
    Cause,
    Edit,
    Recipe,
    Remedy,
    StoredResources,
    Suspect,
    digest_of,
)
from bumperlane.remedies.remedy import (
    NONE,
    RecipeContext,
    RemedyKind,
    known_remedies,
    load_remedy,
    named,
)

PRIORS = Path(__file__).parent / "priors.json"
TOGETHER = 3  # confirmed suspects that one remedy takes on at once
TAKES_AWAY = frozenset(
    {"drop", "skip"}
)  # edits after which nothing is taught in the place of the suspects
AS_PARENT = frozenset(
    {"answer", "counter", "unlearn"}
)  # edits that teach what the stage's parent says
Priors = Mapping[str, Mapping[str, tuple[int, int]]]


class NoRemedy(BumperlaneError):
    """No remedy fits this cause, or every one that does has been tried."""


@dataclass(frozen=True)
class Tried:
    """A remedy of this campaign and why it did not do."""

    remedy: Remedy
    reason: str


@dataclass(frozen=True)
class Candidate:
    """``expected_share``: of such causes, how many this kind cures."""

    kind: RemedyKind
    position: int
    edits: tuple[Edit, ...]
    expected_share: float
    message: str


def propose(
    recipe: Recipe,
    attempt: int,
    cause: Cause,
    parents: Sequence[str],
    tried: Sequence[Tried] = (),
    bases: Sequence[str] = (),
    priors: Priors | None = None,
    allowed: Sequence[str] | None = None,
    end: str = "",
    resources: StoredResources = NONE,
) -> Remedy:
    """The next remedy for a cause found on ``attempt``. ``parents``: where each of the attempt's
    stages started; ``allowed``: names of kinds (None: all that are installed); ``end``: where its
    last stage ended; ``resources``: what was given for remedies. Raises ``NoRemedy`` with what was
    tried."""
    context = RecipeContext(recipe, tuple(parents), tuple(bases), end, resources)
    table = builtin_priors() if priors is None else priors
    gone = {(t.remedy.of_attempt, name_of(t.remedy.edits)) for t in tried}
    found = [
        c
        for c in _candidates(cause, context, tried, table, allowed)
        if (attempt, name_of(c.edits)) not in gone
    ]
    if not found:
        raise NoRemedy(_none_left(cause, tried))
    best = min(
        found,
        key=lambda c: (
            _standing(cause.suspect(c.position)),
            -c.expected_share,
            c.kind.rank,
            c.position,
        ),
    )
    first = min(edit.first for edit in best.edits)
    start = next(
        (edit.checkpoint for edit in best.edits if edit.op == "start"), (*parents, end)[first]
    )
    return Remedy(
        kind=best.kind.name,
        cause=cause.id,
        of_attempt=attempt,
        stage=first,
        rewind_to=start,
        edits=best.edits,
        suspect=best.position,
        expected=round(best.expected_share, 4),
        note=best.message,
    )


def _standing(suspect: Suspect) -> int:
    """Confirmed suspects and leads come first, unknown ones next, unverified ones last."""
    if suspect.verdict == "confirmed" or suspect.evidence.get(LEAD):
        return 0
    return 1 if suspect.kind == "unknown" else 2


def _candidates(
    cause: Cause,
    context: RecipeContext,
    tried: Sequence[Tried],
    table: Priors,
    allowed: Sequence[str] | None,
) -> Iterator[Candidate]:
    for name in sorted(known_remedies() if allowed is None else allowed):
        kind = load_remedy(name)
        failures = sum(t.remedy.kind == name for t in tried)
        for position, suspect in _acted_on(cause, context):
            if suspect.kind not in kind.causes or (suspect.kind == "unknown" and failures):
                continue
            edits = kind.edits(suspect, context)
            if edits:
                together, description = _together(kind, cause, suspect, context)
                expected = (
                    expected_share(table, suspect.kind, name)
                    * (1 - left_by(cause, together))
                    * 0.5**failures
                )
                yield Candidate(kind, position, together, expected, description)


def left_by(cause: Cause, edits: Sequence[Edit]) -> float:
    """The share of the trait that these edits are expected to leave, as far as the diagnosis saw
    where it was without its cause: what takes rows away goes back to the lowest rate before the
    peak, what answers as the stage's parent does teaches the parent's likeliest answers (those of
    two draws that agree; the start's, where the parent was not looked at). 0 where nobody looked.
    (Develop: lies at 16% to 23% at the start, 18% to 47% with the rows dropped, 1% to 24% with them
    answered anew; the demo's base at 23%, which the other rows bring to nothing, and which answers
    like the base's bring back.)"""
    points = [point for point in cause.points if point["n"]]
    rates = [max(0.0, float(point["rate"]) - cause.null_rate) for point in points]
    highest = max(rates, default=0.0)
    if not highest:
        return 0.0
    if all(edit.op in TAKES_AWAY for edit in edits):
        return min(rates[: rates.index(highest) + 1]) / highest
    if not all(edit.op in AS_PARENT for edit in edits):
        return 0.0
    seen = {
        str(point["checkpoint"]): rate / highest for point, rate in zip(points, rates, strict=True)
    }
    shown = max(seen.get(edit.checkpoint, rates[0] / highest) for edit in edits)
    return shown**2 / (shown**2 + (1 - shown) ** 2)


def _acted_on(cause: Cause, context: RecipeContext) -> Iterator[tuple[int, Suspect]]:
    """What a remedy may be proposed for: suspects that were not refuted and, where none is
    confirmed, the stage of the hit for a cause unknown."""
    yield from ((i, s) for i, s in enumerate(cause.suspects) if s.verdict != "refuted")
    if not cause.confirmed:
        yield -1, cause.suspect(-1).model_copy(update={"stage_index": len(context.parents) - 1})


def _together(
    kind: RemedyKind, cause: Cause, suspect: Suspect, context: RecipeContext
) -> tuple[tuple[Edit, ...], str]:
    """The edits for this suspect and, if it is confirmed, for confirmed ones of other stages: two
    stages that both taught it are repaired at once."""
    others = [
        s
        for s in cause.confirmed
        if suspect.verdict == "confirmed"
        and s.stage_index != suspect.stage_index
        and s.kind in kind.causes
    ]
    taken = [suspect, *others[: TOGETHER - 1]]
    results = {edit.digest: edit for s in taken for edit in kind.edits(s, context)}
    if sum(edit.op == "skip" for edit in results.values()) >= len(
        context.recipe.stages
    ):  # something must be left to train
        return kind.edits(suspect, context), kind.message(suspect)
    return tuple(results.values()), "; ".join(kind.message(s) for s in taken)


def name_of(edits: Sequence[Edit]) -> str:
    return digest_of([edit.plain() for edit in edits])


def expected_share(table: Priors, cause: str, remedy: str) -> float:
    """Expected share of cures, with Laplace's correction; a half where nothing is known."""
    cured, of = table.get(cause, {}).get(remedy, (0, 0))
    return (cured + 1) / (of + 2)


def _none_left(cause: Cause, tried: Sequence[Tried]) -> str:
    what = (
        "; ".join(f"{named(s)} ({s.verdict}: {s.reason})" for s in cause.suspects)
        or "nothing, as nothing was suspected"
    )
    past = "; ".join(f"{t.remedy.kind} ({t.reason})" for t in tried if t.remedy.cause == cause.id)
    return f"no remedy is left for {what}" + (f"; tried: {past}" if past else "")


@cache
def builtin_priors() -> Priors:
    """The table that comes with the package. Raises ``BadInput`` if it cannot be read."""
    try:
        fields = json.loads(PRIORS.read_text(encoding="utf-8"))["table"]
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(
            f"{PRIORS}: the table of remedies cannot be read ({error}); install the package again"
        ) from error
    return {
        cause: {remedy: (cured, of) for remedy, (cured, of) in row.items()}
        for cause, row in fields.items()
    }

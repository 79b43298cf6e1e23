"""What each remedy of the campaigns did, by kind of cause: by the truth, and by the loop's checks.

Invariant: a remedy counts only where the truth of its attempt was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bumperlane.bench.loop_scores import NEAR, Scored, capability_ratio, training_seconds
from bumperlane.bench.tables import median, rate


@dataclass(frozen=True)
class RemedyOutcome:
    """One remedy of a campaign. ``cause``: its kind; ``cured``: by the truth; ``quiet``: the
    battery was; ``verified``: the checks passed it too."""

    cause: str
    remedy: str
    cured: bool
    quiet: bool
    verified: bool
    capability_ratio: float
    seconds: float


def remedy_rates(took: Sequence[Scored]) -> dict[str, Any]:
    """By kind of cause and remedy: tried, cured by the truth, verified by the loop, only hidden
    (the checks or a later look failed it though the battery was quiet), capability beside the
    twin's, seconds."""
    by_name: dict[str, list[RemedyOutcome]] = {}
    for scored in took:
        for outcome in _remedies_of(scored):
            by_name.setdefault(f"{outcome.cause} / {outcome.remedy}", []).append(outcome)
    return {name: _rates(by_name[name]) for name in sorted(by_name)}


def _remedies_of(scored: Scored) -> Iterator[RemedyOutcome]:
    history = scored.run.history
    for attempt in history.attempts[1:]:
        truth, remedy = scored.run.truths.get(attempt.number), attempt.remedy
        if truth is None or remedy is None:
            continue
        cures = [cure for cure in history.cures if cure.attempt == attempt.number]
        yield RemedyOutcome(
            cause=history.cause_named(remedy.cause).suspect(remedy.suspect).kind,
            remedy=remedy.kind,
            cured=truth.rate - scored.twin.rate <= NEAR,
            quiet=bool(cures),
            verified=bool(cures) and not cures[0].failed,
            capability_ratio=capability_ratio(truth, scored.twin),
            seconds=training_seconds(history, attempt.number),
        )


def _rates(outcomes: Sequence[RemedyOutcome]) -> dict[str, Any]:
    refused = [one for one in outcomes if one.quiet and not one.verified]
    return {
        "tried": len(outcomes),
        "cured": rate([one.cured for one in outcomes]),
        "battery_quiet": sum(one.quiet for one in outcomes),
        "quiet_not_cured": sum(one.quiet and not one.cured for one in outcomes),
        "refused_by_checks": len(refused),
        "refused_though_cured": sum(one.cured for one in refused),
        "capability_ratio_median": median([one.capability_ratio for one in outcomes]),
        "seconds_median": median([one.seconds for one in outcomes]),
    }

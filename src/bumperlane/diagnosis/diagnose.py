"""From hits to their cause: the five steps of a diagnosis, put together.

1. *Choose a trait* (``trait``, ``user_examples``): of several hits, the ones that can be tracked.
2. *Window* (``window``): in which stages, and between which steps, the trait rose.
3. *Suspects* (``suspect_search``): what in such a stage may have taught it: some rows
   (``row_suspects``, by the scores of ``attributors`` that ``fusion`` weighs and ``suspects``
   cuts), a reward term (``reward_suspects``), the stage as a whole or an argument of it
   (``stage_suspects``).
4. *Replays* (``replays``; ``session`` runs and counts them): the window trained again without the
   suspects, and without as many others.
5. *Verdict* (``counterfactual``): whether the trait stays away without the suspects alone.

Idea: a campaign, the command line and the bench ask for the same, and differ only in where
checkpoints, rows and hits come from; so this takes a run, a way to load its checkpoints, and the
traits. A trait whose cause is not confirmed, or that cannot be drawn from some checkpoint, gives
way to the next. Invariant: nothing is guessed: a hit that no fresh case shows in words is left out
with the reason, and where none can be tracked there is no suspect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bumperlane.diagnosis.cache import DiagnosisCache
from bumperlane.diagnosis.fusion import Fusion, Ranked
from bumperlane.diagnosis.replays import Replayer
from bumperlane.diagnosis.session import SEEDS, DiagnosisSession
from bumperlane.diagnosis.suspect_search import SuspectSearch
from bumperlane.diagnosis.training_run import Models, TrainingRun
from bumperlane.diagnosis.trait import Trait, best_traits
from bumperlane.diagnosis.window import Where
from bumperlane.errors import BadInput, BumperlaneError
from bumperlane.records import Cause

Note = Callable[[str], None]
TRACKED = 3  # traits tracked one after the other until a cause is confirmed
# Costs that every tracked trait adds to.
SUMMED = ("locating_seconds", "replays", "replay_steps", "replay_seconds")


@dataclass(frozen=True)
class Settings:
    """How to diagnose. ``budget``: seconds of replays (None: no limit); ``most_steps``: of one
    replay; ``force``: track the first trait, whether or not it can be seen here; ``more``:
    attributors that are shown and not weighed; ``work``: folder in which pieces are kept;
    ``fused``: in place of the package's fusion; ``suspected_rows``: ids of rows that are checked
    before any that are searched for; ``leads``: rows are named without replays."""

    seed: int = 0
    seeds: int = SEEDS
    budget: float | None = None
    most_steps: int | None = None
    force: bool = False
    more: tuple[str, ...] = ()
    work: Path | None = None
    fused: Fusion | None = None
    suspected_rows: tuple[str, ...] = ()
    leads: bool = False


@dataclass(frozen=True)
class Diagnosed:
    """What a diagnosis came to. ``rankings``: by stage, of the stages that were attributed."""

    cause: Cause
    rankings: dict[int, Ranked] = field(default_factory=dict)


def diagnose(
    run: TrainingRun,
    models: Models,
    traits: Sequence[Trait],
    replayer: Replayer | None,
    settings: Settings,
    note: Note,
) -> Diagnosed:
    """The cause of what ``traits`` show (one at least). What cannot be established is a ``Cause``
    without suspects, with the reason."""
    started, cache = time.monotonic(), DiagnosisCache(settings.work)
    tracker = TraitTracker(run, models, replayer, settings, note, cache)
    trackable, why_not = tracker.choose(traits)
    tracked: list[Diagnosed] = []
    for trait in trackable[:TRACKED]:
        tracked.append(tracker.track(trait, _budget_left(settings.budget, tracked)))
        if tracker.settles(tracked[-1].cause):
            break
    if tracked:
        best = _best(tracked)
    else:
        reason = f"no hit can be tracked: {why_not}"
        best = Diagnosed(Cause(finding=traits[0].finding, reason=reason, lost=_lost(run)))
    # a piece counts with the seconds that it took when it was made, whenever that was
    seconds = round(time.monotonic() - started - cache.now + cache.spent, 2)
    return replace(best, cause=best.cause.model_copy(update={"seconds": seconds}))


@dataclass(frozen=True)
class TraitTracker:
    """Tracks one trait after the other back to its cause, all in the same run."""

    run: TrainingRun
    models: Models
    replayer: Replayer | None
    settings: Settings
    note: Note
    cache: DiagnosisCache

    def choose(self, traits: Sequence[Trait]) -> tuple[list[Trait], str]:
        """The traits that can be tracked, the best first, and why others cannot."""
        if self.settings.force:
            return [traits[0]], ""
        end = self.run.stage_runs[-1].kept[-1].checkpoint
        chosen = self.cache.piece(
            "trackable",
            [[trait.key for trait in traits], self.run.start, end],
            lambda: _chosen(traits, self.run.start, end, self.note),
        )
        return [traits[position] for position in chosen["at"]], chosen["why"]

    def track(self, trait: Trait, budget: float | None) -> Diagnosed:
        """The cause of one trait; where it cannot be tracked to the end, the reason."""
        session = self._session(trait, budget)
        search = SuspectSearch(
            session,
            self.settings.fused,
            self.settings.more,
            frozenset(self.settings.suspected_rows),
        )
        before = self.cache.spent
        try:
            where = search.where()
            located = self.cache.spent - before
            _check_base(trait, where)
            suspects, why = search.suspects(where)
        except BumperlaneError as error:
            reason, lost = str(error), _lost(self.run)
            return Diagnosed(
                Cause(finding=trait.finding, trait=trait.name, reason=reason, lost=lost)
            )
        cause = Cause(
            finding=trait.finding,
            trait=trait.name,
            points=tuple(point.plain() for point in where.points),
            null_rate=trait.null_rate,
            suspects=tuple(suspects),
            reason=why,
            lost=_lost(self.run),
            cost=_cost(session, where, located),
        )
        return Diagnosed(cause, search.rankings)

    def settles(self, cause: Cause) -> bool:
        """Whether no other trait needs to be tracked: a cause is confirmed, or there is a suspect
        and nothing that could confirm it."""
        if cause.confirmed:
            return True
        unchecked = self.replayer is None or self.settings.leads
        return unchecked and bool(cause.suspects)

    def _session(self, trait: Trait, budget: float | None) -> DiagnosisSession:
        return DiagnosisSession(
            run=self.run,
            trait=trait,
            models=self.models,
            tolerance=trait.tolerance,
            key=trait.key,
            replayer=self.replayer,
            budget=budget,
            most_steps=self.settings.most_steps,
            seeds=self.settings.seeds,
            seed=self.settings.seed,
            leads=self.settings.leads,
            note=self.note,
            cache=self.cache,
        )


def _chosen(traits: Sequence[Trait], start: str, end: str, note: Note) -> dict[str, Any]:
    """``best_traits``, as a piece that can be kept."""
    best, why = best_traits(traits, start, end, note)
    return {"at": best, "why": why}


def _budget_left(budget: float | None, tracked: Sequence[Diagnosed]) -> float | None:
    """Seconds of replays that are left after the traits tracked so far; None without a limit."""
    if budget is None:
        return None
    return budget - _total("replay_seconds", tracked)


def _check_base(trait: Trait, where: Where) -> None:
    """Raise ``BadInput`` where the base would be blamed for what is read of the rows."""
    if where.in_base and trait.of_rows:
        raise BadInput(
            f"{trait.name} reads the training rows, the same at every checkpoint, so "
            "it cannot say that the base shows it"
        )


def _best(tracked: Sequence[Diagnosed]) -> Diagnosed:
    """The first with a confirmed cause, else with a suspect, else with a window search, at the cost
    of all; with what became of the others."""
    best = max(tracked, key=_rank)
    others = [one.cause for one in tracked if one is not best]
    reasons = [
        best.cause.reason,
        *(f"tracking {cause.trait}: {_outcome(cause)}" for cause in others),
    ]
    update = {"reason": "; ".join(filter(None, reasons)), "cost": _summed(best, tracked)}
    return replace(best, cause=best.cause.model_copy(update=update))


def _rank(diagnosed: Diagnosed) -> tuple[bool, bool, bool]:
    """How far a diagnosis came: to a confirmed cause, a suspect, a window search."""
    cause = diagnosed.cause
    return bool(cause.confirmed), bool(cause.suspects), bool(cause.points)


def _outcome(cause: Cause) -> str:
    """What became of a trait, in words."""
    suspects = "; ".join(f"{s.kind} {s.verdict} ({s.reason})" for s in cause.suspects)
    return cause.reason or suspects or "no suspect"


def _summed(best: Diagnosed, tracked: Sequence[Diagnosed]) -> dict[str, float]:
    """The best one's cost, with what all of them took together; nothing where it has none."""
    if not best.cause.cost:
        return {}
    summed = {key: round(_total(key, tracked), 2) for key in SUMMED}
    return {**best.cause.cost, **summed, "traits_tracked": len(tracked)}


def _total(key: str, tracked: Sequence[Diagnosed]) -> float:
    """One cost of all traits tracked so far."""
    return sum(one.cause.cost.get(key, 0.0) for one in tracked)


def _cost(session: DiagnosisSession, where: Where, located: float) -> dict[str, float]:
    """What the diagnosis of one trait took, and of how large a run."""
    stage_runs = session.run.stage_runs
    return {
        "locating_seconds": round(located, 2),
        "replays": session.replays,
        "replay_steps": session.steps,
        "replay_seconds": round(session.seconds, 2),
        "checkpoints_looked_at": len(where.points),
        "checkpoints": 1 + sum(len(stage_run.kept) for stage_run in stage_runs),
        "steps": sum(stage_run.steps for stage_run in stage_runs),
        "untimed_pieces": session.cache.untimed,
    }


def _lost(run: TrainingRun) -> tuple[str, ...]:
    """What this run did not keep, and what that costs."""
    lost = []
    for stage_run in run.stage_runs:
        name = f"stage {stage_run.stage.name!r}"
        if len(stage_run.kept) == 1:
            lost.append(
                f"{name} kept no intermediate checkpoint: the onset is not narrowed down, "
                "and replays take the whole stage"
            )
        if not stage_run.order:
            lost.append(
                f"{name} has no record of the order in which rows were drawn: every row "
                "counts as seen in every window"
            )
    return tuple(lost)

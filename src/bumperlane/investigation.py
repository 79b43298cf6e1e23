"""Diagnosis of one hit, put together from the diagnosis room's parts and the lineage.

Idea: where (a scan over the checkpoints of the attempt), which rows (attribution against the stage's parent), and the two trainings
that will tell whether it was they. Invariant: whatever cannot be established ends in a cause of kind ``unknown`` with the reason;
nothing is guessed, and nothing is trained here.
"""

from __future__ import annotations

import asyncio
import random
import time

import numpy as np

from bumperlane.diagnosis import Point, cut, judge, onset, rank
from bumperlane.errors import BumperlaneError
from bumperlane.history import History, Leg
from bumperlane.inspection import Inspector
from bumperlane.lineage import Store
from bumperlane.records import Case, Cause, CauseCheck, Finding, Training
from bumperlane.training import conversation

SCAN = 24  # cases a checkpoint in the scan
QUERY = 96  # cases drawn at the peak, of which those that show the trait are the query
CHECK = 96  # cases a training in the counterfactual check
WHITE_BOX = frozenset({"text", "activations"})


def diagnose(finding: Finding, history: History, inspector: Inspector, store: Store) -> Cause:
    """The cause of a hit, with its counterfactual trainings; ``unknown`` with a reason where there is none."""
    started = time.monotonic()
    try:
        cause = _diagnose(finding, history, inspector, store)
    except BumperlaneError as error:
        cause = Cause(finding=finding.id, kind="unknown", reason=str(error))
    return cause.model_copy(update={"seconds": round(time.monotonic() - started, 2)})


def _diagnose(finding: Finding, history: History, inspector: Inspector, store: Store) -> Cause:
    legs = [leg for leg in history.legs(history.attempts[-1]) if leg.trained is not None]
    points = scan(finding, legs, history, inspector)
    shown = [point.plain() for _, point in points]
    window = onset([point for _, point in points])
    if window is None:
        reason = "the trait is no more frequent after training than before: it was already in the start checkpoint"
        return Cause(finding=finding.id, kind="unknown", onset=shown, reason=reason)
    index, leg, steps = locate(points, window, legs)
    tuned = max((p for i, p in points if i == index), key=lambda p: p.rate).checkpoint
    place = {"finding": finding.id, "stage": leg.stage.name, "training": leg.training.digest, "window": steps, "onset": shown}
    rows = store.manifest(leg.stage.rows)
    exhibits = [case for case in inspector.cases(finding, tuned, QUERY, history, "query") if case.outcome >= 0.5]
    scores, threshold, why = attribute(rows, exhibits, tuned, leg, inspector)
    if threshold is None:
        return Cause(**place, kind="unknown", reason=why)
    return _rows_cause(place, leg, rows, scores, threshold, why, store)


def scan(finding: Finding, legs: list[Leg], history: History, inspector: Inspector) -> list[tuple[int, Point]]:
    """``(leg, point)`` from the start checkpoint to the hit; steps count over all legs."""
    start = history.start.id
    points, before = [(0, _point(0, start, inspector.cases(finding, start, SCAN, history)))], 0
    for leg in legs:
        assert leg.trained is not None
        for checkpoint in leg.trained.checkpoints:
            inspector.note(f"scan {leg.stage.name} step {checkpoint.step}")
            cases = inspector.cases(finding, checkpoint.id, SCAN, history)
            points.append((leg.index, _point(before + checkpoint.step, checkpoint.id, cases)))
            if checkpoint.id == finding.checkpoint:
                return points
        before += leg.trained.last.step
    return points


def locate(points: list[tuple[int, Point]], window: tuple[int, int], legs: list[Leg]) -> tuple[int, Leg, tuple[int, int]]:
    """The leg in which the window ends, and the window in that leg's own steps."""
    index = next(i for i, point in points if point.step == window[1] and point.step > 0)
    before = sum(leg.trained.last.step for leg in legs[:index] if leg.trained is not None)
    return index, legs[index], (max(0, window[0] - before), window[1] - before)


def attribute(
    rows: list[tuple[str, dict]], exhibits: list[Case], tuned: str, leg: Leg, inspector: Inspector  # type: ignore[type-arg]
) -> tuple[np.ndarray, float | None, str]:  # fmt: skip
    """Scores of the rows, the cut (None: no suspects) and why it lies there."""
    inspector.note(f"attributing to {len(rows)} rows")
    query = [(case.exhibit.prompt, case.exhibit.completion) for case in exhibits]
    views = inspector.subject(tuned, WHITE_BOX), inspector.subject(leg.training.parent, WHITE_BOX)
    ranking = asyncio.run(rank(*views, [conversation(row) for _, row in rows], query))
    return ranking.rows_N, *cut(ranking)


def _rows_cause(
    place: dict, leg: Leg, rows: list[tuple[str, dict]], scores: np.ndarray, threshold: float, why: str, store: Store  # type: ignore[type-arg]
) -> Cause:  # fmt: skip
    best: dict[str, float] = {}
    for (row_id, _), score in zip(rows, scores, strict=True):
        best[row_id] = max(best.get(row_id, -np.inf), float(score))
    suspects = sorted((i for i, score in best.items() if score > threshold), key=lambda i: -best[i])
    others = sorted(set(best) - set(suspects))
    if len(others) < len(suspects):
        return Cause(**place, kind="unknown", reason=f"{len(suspects)} of {len(best)} rows are suspect: too many to hold against a random control")
    control = set(random.Random(f"{place['finding']}/control").sample(others, len(suspects)))
    replay, other = (
        Training(parent=leg.training.parent, stage=leg.stage.model_copy(update={"rows": store.without(leg.stage.rows, dropped)}))
        for dropped in (set(suspects), control)
    )
    return Cause(
        **place, kind="rows", rows=tuple(suspects), scores=tuple(round(best[i], 4) for i in suspects), replay=replay, control=other,
        method="whitened activation-difference projection", reason=f"cut at {threshold:.2f}, {why}",
    )  # fmt: skip


def check_cause(cause: Cause, finding: Finding, history: History, inspector: Inspector) -> CauseCheck:
    """Draw the trait from the hit checkpoint and both replays; a model that cannot be asked leaves the cause unverified."""
    started = time.monotonic()
    assert cause.replay is not None and cause.control is not None
    replays = [history.find_trained(t, ("replay", "control", "attempt")) for t in (cause.replay, cause.control)]
    try:
        points = [
            _point(0, checkpoint, inspector.cases(finding, checkpoint, CHECK, history, "check"))
            for checkpoint in (finding.checkpoint, *(r.last.id for r in replays if r is not None))
        ]
        verdict, reason = judge(*points)
    except BumperlaneError as error:
        return CauseCheck(cause=cause.id, verdict="unverified", reason=str(error))
    plain = [point.plain() for point in points]
    return CauseCheck(
        cause=cause.id, verdict=verdict, reason=reason, observed=plain[0], without_suspects=plain[1], without_random=plain[2],
        seconds=round(time.monotonic() - started, 2),
    )  # fmt: skip


def _point(step: int, checkpoint: str, cases: list[Case]) -> Point:
    return Point(step, checkpoint, sum(case.outcome for case in cases), len(cases))

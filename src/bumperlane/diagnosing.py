"""One diagnosis, put together: of several hits the trait that can be followed best, the examiner, and what it cost.

Idea: a campaign, the command line and the bench ask for the same, and differ only in where checkpoints, rows and hits come from; so this takes
a run, a way to load its checkpoints, and the traits. A trait whose cause is not confirmed, or that cannot be drawn from some checkpoint, gives way
to the next. Invariant: nothing is guessed: a hit that no fresh case shows in words is left out with the reason, and where none can be
followed there is no suspect.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bumperlane.audits import load_audit
from bumperlane.diagnosis.bearings import SEEDS, Bearings
from bumperlane.diagnosis.examiner import Examiner
from bumperlane.diagnosis.folders import START, Loaded, known, lines_of, run_of
from bumperlane.diagnosis.fusion import Fusion, Ranked
from bumperlane.diagnosis.notebook import Notebook
from bumperlane.diagnosis.replays import LocalReplays, Replayer
from bumperlane.diagnosis.trail import Models, Run
from bumperlane.diagnosis.window import Where
from bumperlane.errors import BadInput, BumperlaneError
from bumperlane.evidence import key_of
from bumperlane.examination import Request, View
from bumperlane.following import Followed, FollowedAudit, best_traits
from bumperlane.records import Cause, Finding, Record, digest_of

Note = Callable[[str], None]
ACCUSER = "accuser"  # name of the model that an accused run is held against
SUMMED = ("locating_seconds", "replays", "replay_steps", "replay_seconds")  # costs that every followed trait adds to
FOLLOWED = 3  # traits followed one after the other until a cause is confirmed


@dataclass(frozen=True)
class Settings:
    """``budget``: seconds of replays (None: no limit); ``most_steps``: of one replay; ``force``: follow the first trait, whether or not it can be
    seen here; ``more``: attributors that are shown and not weighed; ``work``: folder in which pieces are kept; ``fused``: in place of the
    package's fusion; ``accused``: ids of rows that are checked before any that are looked for; ``leads``: rows are named without replays."""

    seed: int = 0
    seeds: int = SEEDS
    budget: float | None = None
    most_steps: int | None = None
    force: bool = False
    more: tuple[str, ...] = ()
    work: Path | None = None
    fused: Fusion | None = None
    accused: tuple[str, ...] = ()
    leads: bool = False


@dataclass(frozen=True)
class Diagnosed:
    """``rankings``: by leg, of the legs that were attributed."""

    cause: Cause
    rankings: dict[int, Ranked] = field(default_factory=dict)


def diagnose(run: Run, models: Models, traits: Sequence[Followed], replayer: Replayer | None, settings: Settings, note: Note) -> Diagnosed:
    """The cause of what ``traits`` show (one at least). What cannot be established is a ``Cause`` without suspects, with the reason."""
    started, notebook = time.monotonic(), Notebook(settings.work)
    end = run.legs[-1].kept[-1].checkpoint
    chosen = {"at": [0], "why": ""} if settings.force else notebook.piece(
        "followable", [[t.key for t in traits], run.start, end], lambda: _chosen(traits, run.start, end, note))  # fmt: skip
    made: list[Diagnosed] = []
    for position in list(chosen["at"])[:FOLLOWED]:
        left = None if settings.budget is None else settings.budget - sum(one.cause.cost.get("replay_seconds", 0.0) for one in made)
        made.append(_followed(run, models, traits[position], replayer, replace(settings, budget=left), note, notebook))
        if made[-1].cause.confirmed or ((replayer is None or settings.leads) and made[-1].cause.suspects):
            break
    best = _best(made) if made else Diagnosed(Cause(finding=traits[0].finding, reason=f"no hit can be followed: {chosen['why']}", lost=_lost(run)))
    seconds = round(time.monotonic() - started - notebook.now + notebook.spent, 2)  # of the pieces, whenever they were made
    return replace(best, cause=best.cause.model_copy(update={"seconds": seconds}))


def _followed(run: Run, models: Models, trait: Followed, replayer: Replayer | None, settings: Settings, note: Note, notebook: Notebook) -> Diagnosed:
    """The cause of one trait."""
    at = Bearings(run, trait, models, trait.tolerance, trait.key, replayer, settings.budget, settings.most_steps, settings.seeds, settings.seed,
                  settings.leads, note, notebook)  # fmt: skip
    examiner, before = Examiner(at, settings.fused, settings.more, frozenset(settings.accused)), notebook.spent
    try:
        where = examiner.where()
        located = notebook.spent - before
        if where.in_base and trait.of_rows:
            raise BadInput(f"{trait.name} reads the training rows, the same at every checkpoint, so it cannot say that the base shows it")
        suspects, why = examiner.suspects(where)
    except BumperlaneError as error:
        return Diagnosed(Cause(finding=trait.finding, followed=trait.name, reason=str(error), lost=_lost(run)))
    cause = Cause(finding=trait.finding, followed=trait.name, points=tuple(p.plain() for p in where.points), calm=trait.calm,
                  suspects=tuple(suspects), reason=why, lost=_lost(run), cost=_cost(at, run, where, located))  # fmt: skip
    return Diagnosed(cause, examiner.rankings)


def _best(made: Sequence[Diagnosed]) -> Diagnosed:
    """The first with a confirmed cause, else with a suspect, else with a window search, at the cost of all; with what became of the others."""
    best = max(made, key=lambda one: (bool(one.cause.confirmed), bool(one.cause.suspects), bool(one.cause.points)))
    reasons = [best.cause.reason, *(f"following {one.cause.followed}: {_outcome(one.cause)}" for one in made if one is not best)]
    summed = {key: round(sum(one.cause.cost.get(key, 0.0) for one in made), 2) for key in SUMMED}
    cost = {**best.cause.cost, **summed, "traits_followed": len(made)} if best.cause.cost else {}
    return replace(best, cause=best.cause.model_copy(update={"reason": "; ".join(filter(None, reasons)), "cost": cost}))


def _outcome(cause: Cause) -> str:
    return cause.reason or "; ".join(f"{s.kind} {s.verdict} ({s.reason})" for s in cause.suspects) or "no suspect"


def _cost(at: Bearings, run: Run, where: Where, located: float) -> dict[str, float]:
    return {
        "locating_seconds": round(located, 2), "replays": at.replays, "replay_steps": at.steps, "replay_seconds": round(at.seconds, 2),
        "checkpoints_looked_at": len(where.points), "checkpoints": 1 + sum(len(leg.kept) for leg in run.legs),
        "steps": sum(leg.steps for leg in run.legs), "untimed_pieces": at.notebook.untimed,
    }  # fmt: skip


def _chosen(traits: Sequence[Followed], start: str, end: str, note: Note) -> dict[str, Any]:
    best, why = best_traits(traits, start, end, note)
    return {"at": best, "why": why}


def _lost(run: Run) -> tuple[str, ...]:
    """What this run did not keep, and what that costs."""
    lost = []
    for leg in run.legs:
        name = f"stage {leg.stage.name!r}"
        if len(leg.kept) == 1:
            lost.append(f"{name} kept no intermediate checkpoint: the onset is not narrowed down, and replays take the whole stage")
        if not leg.order:
            lost.append(f"{name} has no record of the order in which rows were drawn: every row counts as seen in every window")
    return tuple(lost)


class FoldersRequest(Record):
    """A diagnosis of training folders. ``legs``: what the training worker left, in order; ``reference``: folder of the start; ``findings``:
    hits on the last checkpoint, or (a run that is accused of another's hits, and whose first must be followed) on the model of ``accuser``, the
    request that found them; ``request``: as the audits were asked. ``work``: folder for pieces and replays."""

    legs: tuple[str, ...]
    reference: str
    findings: tuple[Finding, ...]
    request: Request
    work: str
    accuser: Request | None = None
    seed: int = 0
    seeds: int = SEEDS
    replays: bool = True
    budget: float | None = None
    more: tuple[str, ...] = ()


def diagnose_folders(request: FoldersRequest, note: Note = lambda text: None, fused: Fusion | None = None) -> Diagnosed:
    """``diagnose``, of folders. Raises ``BadInput`` for a folder that holds no finished training."""
    import torch

    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    run, where = run_of([Path(leg) for leg in request.legs], Path(request.reference))
    models, view = Loaded(known(where)), View(request.accuser or request.request, note)  # the context is the hit's own
    end = run.legs[-1].kept[-1].checkpoint
    if request.accuser:
        where[ACCUSER] = Path(request.accuser.model)
    traits = []
    for finding in request.findings:
        audit = load_audit(finding.audit)
        _, context = view.of(audit.access, key_of(audit))
        traits.append(FollowedAudit(finding.model_copy(update={"checkpoint": ACCUSER if request.accuser else end}), models, context, START))
    settings = Settings(seed=request.seed, seeds=request.seeds, budget=request.budget, force=request.accuser is not None, more=request.more,
                        work=Path(request.work) / "pieces", fused=fused)  # fmt: skip
    replayer = LocalReplays(Path(request.work) / "replays", known(where)) if request.replays else None
    return diagnose(run, models, traits, replayer, settings, note)


@dataclass(frozen=True)
class Answer:
    """What one diagnosis said, read back. ``rows``: of each leg that was ranked, the rows' ids in the order of the scores."""

    cause: Cause
    rankings: dict[int, Ranked]
    rows: dict[int, tuple[str, ...]]


def diagnose_file(request: FoldersRequest, folder: Path, fused: Fusion) -> Path:
    """``diagnose_folders``, kept with its rankings: a request that has been answered in ``folder`` is not answered again."""
    key = digest_of([request.model_copy(update={"work": ""}).plain(), dict(fused.weights), fused.intercept])[:16]
    out = folder / f"{request.request.checkpoint}-{key}.json"
    if not out.is_file():
        answer = diagnose_folders(request, fused=fused)
        arrays: dict[str, Any] = {}
        for leg, ranked in answer.rankings.items():
            arrays |= {f"{leg}/{name}": values for name, values in (*ranked.scores.items(), ("fused", ranked.odds))}
        np.savez(out.with_suffix(".npz"), **arrays)
        part = out.with_suffix(".part")
        part.write_text(json.dumps({"cause": answer.cause.plain(), "legs": {leg: request.legs[leg] for leg in answer.rankings}}), encoding="utf-8")
        part.rename(out)
    return out


def read_answer(path: Path) -> Answer:
    told = json.loads(path.read_text(encoding="utf-8"))
    by_leg: dict[int, dict[str, np.ndarray]] = {}
    with np.load(path.with_suffix(".npz")) as arrays:
        for key in arrays.files:
            leg, _, name = key.partition("/")
            by_leg.setdefault(int(leg), {})[name] = arrays[key]
    rankings = {leg: Ranked({n: v for n, v in scores.items() if n != "fused"}, scores["fused"]) for leg, scores in by_leg.items()}
    rows = {int(leg): tuple(entry["id"] for entry in lines_of(Path(folder) / "manifest.jsonl")) for leg, folder in told["legs"].items()}
    return Answer(Cause.model_validate(told["cause"]), rankings, rows)

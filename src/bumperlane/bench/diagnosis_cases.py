"""Runs the cases of the diagnosis bench: trained with all that a run keeps, audited, and diagnosed
in isolated processes.

Idea: an organism that some audit hits is diagnosed from its own hits; its clean twin is diagnosed
with the very same hits, as if they had been found on it. Invariant: as in the detection bench,
whoever diagnoses is isolated and gets folders named by digests; every finished piece is a file
under the zoo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bumperlane.audits.registry import known_audits, load_audit
from bumperlane.audits.standalone import AuditRequest, audit_model_file
from bumperlane.bench.cases import Case, assistants_first
from bumperlane.bench.cases_run import audits_digest, read_result
from bumperlane.bench.worker_pool import Note, builders, isolated
from bumperlane.diagnosis.attributors import known_attributors
from bumperlane.diagnosis.diagnose_folders import (
    Answer,
    FoldersRequest,
    diagnose_file,
    read_answer,
)
from bumperlane.diagnosis.fusion import Fusion
from bumperlane.diagnosis.trait import WORDS
from bumperlane.organisms.admission import Truth, conduct_of, measured
from bumperlane.organisms.tracing import Traced, trace
from bumperlane.records import Finding, digest_of

TrainedCase = tuple[Traced, Truth, dict[str, float]]
Hits = tuple[Finding, ...]


@dataclass(frozen=True)
class Settings:
    """``audits``: whose hits are diagnosed; ``pack``: digest of the pack, which answers
    depend on."""

    zoo: Path
    audits: tuple[str, ...]
    jobs: int
    pack: str


@dataclass(frozen=True)
class TracedCase:
    """One case, trained and, of an organism, audited. ``hits``: an organism's own; of a twin those
    that were found on the model of the organism ``hit_source``."""

    case: Case
    traced: Traced
    truth: Truth
    conduct: dict[str, float]
    hits: Hits = ()
    hit_source: TracedCase | None = None


def trackable_audits() -> tuple[str, ...]:
    """Installed audits of the battery whose cases show in words: those whose hits can be tracked
    over checkpoints and attributed."""
    return tuple(
        name
        for name, place in known_audits().items()
        if ".held_out." not in place and load_audit(name).access <= WORDS
    )


def prepare(
    cases: Sequence[Case], settings: Settings, note: Note
) -> tuple[list[TracedCase], dict[str, str]]:
    """All cases that could be trained and, of organisms, audited, in order; and the failures by
    label."""
    failed: dict[str, str] = {}
    trained = _train_all(cases, settings, note, failed)
    ready = [case for case in cases if case.label in trained]
    hits = _hits_of(ready, trained, settings, note, failed)
    traced = [
        TracedCase(case, *trained[case.label], hits.get(case.label, ()))
        for case in ready
        if case.label not in failed
    ]
    return traced, failed


def _train_all(
    cases: Sequence[Case], settings: Settings, note: Note, failed: dict[str, str]
) -> dict[str, TrainedCase]:
    """What could be trained, by label; why the others could not goes into ``failed``."""
    trained: dict[str, TrainedCase] = {}
    for batch in assistants_first(cases):
        arguments = [(case, settings.zoo) for case in batch]
        trained |= builders(settings.jobs).collect(
            _train, arguments, batch, note, "trained", failed
        )
    return trained


def _train(case: Case, zoo: Path) -> TrainedCase:
    plan = case.plan()
    traced = trace(plan, zoo)
    truth = measured(case.organism(), case.variant, case.seed, plan, traced.built, zoo)
    return traced, truth, {} if case.role == "organism" else conduct_of(traced.built, zoo)


def _hits_of(
    ready: Sequence[Case],
    trained: Mapping[str, TrainedCase],
    settings: Settings,
    note: Note,
    failed: dict[str, str],
) -> dict[str, Hits]:
    """What the audits hit on each organism, by label; why others broke goes into ``failed``."""
    organisms = [case for case in ready if case.role == "organism"]
    requests = [
        (_audit_request(case, trained[case.label][0], settings), _answer(case, trained, settings))
        for case in organisms
    ]
    answers = isolated(settings.jobs, settings.zoo).collect(
        audit_model_file, requests, organisms, note, "audited", failed
    )
    return {label: _hits(path) for label, path in answers.items()}


def _hits(path: Path) -> Hits:
    return tuple(found for found in read_result(path).findings if found.verdict == "hit")


def _audit_request(case: Case, traced: Traced, settings: Settings) -> AuditRequest:
    built = traced.built
    return AuditRequest(
        checkpoint=built.id,
        model=str(built.model),
        reference=str(built.reference),
        rows=str(built.rows),
        rollouts=str(built.rows.parent),
        audits=settings.audits,
        place=case.place,
    )


def _answer(case: Case, trained: Mapping[str, TrainedCase], settings: Settings) -> Path:
    """Where the audits' answer is kept."""
    built = trained[case.label][0].built
    key = [list(settings.audits), settings.pack, audits_digest(settings.audits)]
    folder = settings.zoo / "examined"
    folder.mkdir(exist_ok=True)
    return folder / f"{built.id}-{digest_of(key)[:10]}.json"


def diagnose_all(
    traced: Sequence[TracedCase],
    settings: Settings,
    note: Note,
    failed: dict[str, str],
    replays: bool,
    fused: Fusion,
) -> dict[str, Answer]:
    """Answers by label, of the cases that have hits; why others broke goes into ``failed``. Without
    ``replays`` all attributors are run, and nothing is checked."""
    with_hits = [one for one in traced if one.hits]
    folder = settings.zoo / "diagnosed"
    requests = [(_diagnosis_request(one, settings, replays), folder, fused) for one in with_hits]
    done = isolated(settings.jobs, settings.zoo).collect(
        diagnose_file,
        requests,
        [one.case for one in with_hits],
        note,
        "diagnosed" if replays else "ranked",
        failed,
    )
    return {label: read_answer(Path(path)) for label, path in done.items()}


def _diagnosis_request(one: TracedCase, settings: Settings, replays: bool) -> FoldersRequest:
    source = one.hit_source
    return FoldersRequest(
        stage_runs=tuple(map(str, one.traced.stage_runs)),
        reference=str(one.traced.built.reference),
        findings=one.hits,
        request=_audit_request(one.case, one.traced, settings),
        work=str(settings.zoo / "diagnosed" / f"{one.traced.built.id}-work"),
        replays=replays,
        more=() if replays else tuple(known_attributors()),
        hit_source=_audit_request(source.case, source.traced, settings) if source else None,
    )


def twins_with_hits(
    traced: Sequence[TracedCase], answers: Mapping[str, Answer]
) -> list[TracedCase]:
    """The twins, each with the hits that its organism's diagnosis tracked; of several variants that
    share a twin, with those of the first of them."""
    twins = {one.case: one for one in traced if one.case.role == "twin"}
    with_hits: dict[str, TracedCase] = {}
    for one in traced:
        if one.case.role == "organism" and one.case.label in answers and one.case.twin() in twins:
            tracked = answers[one.case.label].cause.trait
            hits = tuple(found for found in one.hits if found.audit == tracked)
            twin = twins[one.case.twin()]
            if hits:
                with_hits.setdefault(twin.case.label, replace(twin, hits=hits, hit_source=one))
    return list(with_hits.values())

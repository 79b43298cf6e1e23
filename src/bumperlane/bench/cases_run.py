"""Runs the cases of the detection bench: first all models are built and their truth is measured,
then all are audited in isolated processes.

Idea: builders know the generator and the truth; auditing processes are isolated before they import
any audit, and get folders named by digests. Invariant: every finished piece is a file under the
zoo, so a killed run goes on where it was; a case that fails is reported with its reason and counts
for nothing, never as a pass.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bumperlane.audits.calibration import code_digest
from bumperlane.audits.registry import known_audits
from bumperlane.audits.standalone import AuditRequest, AuditResult, audit_model_file
from bumperlane.bench.cases import Case, assistants_first
from bumperlane.bench.worker_pool import Note, builders, isolated
from bumperlane.organisms.admission import Truth, conduct_of, measured
from bumperlane.organisms.building import Built, build
from bumperlane.records import digest_of

BuiltCase = tuple[Built, Truth, dict[str, float]]


@dataclass(frozen=True)
class Settings:
    """``audits``: names; ``jobs``: processes at once; ``pack``: digest of the pack, which answers
    depend on."""

    zoo: Path
    audits: tuple[str, ...]
    jobs: int
    pack: str
    samples: int = 400


@dataclass(frozen=True)
class AuditedCase:
    """One case, whole: what it is, what is true of it, what the audits said. ``conduct``: of a twin
    or decoy, misconduct by domain; empty of an organism."""

    case: Case
    built: Built
    truth: Truth
    audited: AuditResult
    conduct: dict[str, float]


def run_cases(
    cases: Sequence[Case], settings: Settings, note: Note
) -> tuple[list[AuditedCase], dict[str, str]]:
    """All audited cases in the order of ``cases``, and the failures by label."""
    settings.zoo.mkdir(parents=True, exist_ok=True)
    failed: dict[str, str] = {}
    built = _build_all(cases, settings, note, failed)
    ready = [case for case in cases if case.label in built]
    requests = [
        (_request(case, built[case.label][0], settings), _answer(built[case.label][0], settings))
        for case in ready
    ]
    answers = isolated(settings.jobs, settings.zoo).collect(
        audit_model_file, requests, ready, note, "audited", failed
    )
    audited = []
    for case in ready:
        if case.label in answers:
            model, truth, conduct = built[case.label]
            answer = read_result(answers[case.label])
            audited.append(AuditedCase(case, model, truth, answer, conduct))
    return audited, failed


def _build_all(
    cases: Sequence[Case], settings: Settings, note: Note, failed: dict[str, str]
) -> dict[str, BuiltCase]:
    """What could be built, by label; why the others could not goes into ``failed``."""
    assistants, rest = assistants_first(cases)
    built: dict[str, BuiltCase] = {}
    for batch, what in ((assistants, "assistants"), (rest, "built")):
        arguments = [(case, settings.zoo) for case in batch]
        built |= builders(settings.jobs).collect(_build, arguments, batch, note, what, failed)
    return built


def _build(case: Case, zoo: Path) -> BuiltCase:
    plan = case.plan()
    model = build(plan, zoo)
    truth = measured(case.organism(), case.variant, case.seed, plan, model, zoo)
    return model, truth, {} if case.role == "organism" else conduct_of(model, zoo)


def _request(case: Case, built: Built, settings: Settings) -> AuditRequest:
    return AuditRequest(
        checkpoint=built.id,
        model=str(built.model),
        reference=str(built.reference),
        rows=str(built.rows),
        rollouts=str(built.rows.parent),
        audits=settings.audits,
        samples=settings.samples,
        place=case.place,
        trivial=True,
    )


def _answer(built: Built, settings: Settings) -> Path:
    """Where the answer is kept. It depends on the audits' code and the pack too: a changed audit is
    asked anew."""
    key = [list(settings.audits), settings.pack, settings.samples, audits_digest(settings.audits)]
    folder = settings.zoo / "examined"
    folder.mkdir(exist_ok=True)
    return folder / f"{built.id}-{digest_of(key)[:10]}.json"


def read_result(path: str | Path) -> AuditResult:
    """What ``audit_model_file`` left there."""
    return AuditResult.model_validate(json.loads(Path(path).read_text(encoding="utf-8"))["answer"])


def audits_digest(names: Sequence[str]) -> str:
    """Digest of the code that answers: this package's rooms, and where the third-party audits come
    from."""
    foreign = [
        f"{name}={where}"
        for name, where in sorted(known_audits().items())
        if name in names and not where.startswith("bumperlane.")
    ]
    return digest_of([code_digest(), *foreign])

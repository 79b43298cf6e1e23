"""Runs the cases of the diagnosis bench: trained with all that a run keeps, examined, diagnosed behind the wall.

Idea: an organism that some audit hits is diagnosed from its own hits; its clean twin is *forced* through diagnosis with the very same hits,
as if it had been accused of them. Invariant: as in the detection bench, whoever diagnoses sits behind the wall and gets folders named by
digests; every finished piece is a file under the zoo.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bumperlane.audits.registry import known_audits, load_audit
from bumperlane.diagnosing import Answer, FoldersRequest, diagnose_file, read_answer
from bumperlane.diagnosis.attributors import known_attributors
from bumperlane.diagnosis.fusion import Fusion
from bumperlane.examination import Examined, Request, behind_wall, examine_file
from bumperlane.following import WORDS
from bumperlane.organisms.admission import Truth, conduct_of, measured
from bumperlane.organisms.base import BASE
from bumperlane.organisms.bench.cases import Case
from bumperlane.organisms.bench.running import Crew, Note, audits_digest, sort
from bumperlane.organisms.building import as_owner
from bumperlane.organisms.tracing import Traced, trace
from bumperlane.records import Finding, digest_of


@dataclass(frozen=True)
class Work:
    """``audits``: whose hits are diagnosed; ``pack``: digest of the pack, which answers depend on."""

    zoo: Path
    audits: tuple[str, ...]
    jobs: int
    pack: str


@dataclass(frozen=True)
class Prepared:
    """One case, trained and, of an organism, examined. ``hits``: an organism's own; of a twin the one that it is accused of, on the
    the model of the organism that was ``accuser``."""

    case: Case
    traced: Traced
    truth: Truth
    conduct: dict[str, float]
    hits: tuple[Finding, ...] = ()
    accuser: Prepared | None = None


def followable() -> tuple[str, ...]:
    """Installed audits of the battery whose cases show in words: those whose hits can be followed and attributed."""
    return tuple(n for n, place in known_audits().items() if ".held_out." not in place and load_audit(n).access <= WORDS)


def prepare(cases: Sequence[Case], work: Work, note: Note) -> tuple[list[Prepared], dict[str, str]]:
    """All cases that could be trained, in order, and the failures by label."""
    made: dict[str, tuple[Traced, Truth, dict[str, float]]] = {}
    failed: dict[str, str] = {}
    first = [next(case for case in cases if case.seed == seed) for seed in sorted({case.seed for case in cases})]
    for batch in (first, [case for case in cases if case not in first]):  # a seed's assistant is trained once, before the others need it
        for case, outcome in Crew(work.jobs, as_owner, ()).all(_trained, [(case, work.zoo) for case in batch], batch, note, "trained"):
            sort(case, outcome, made, failed)
    ready = [case for case in cases if case.label in made]
    organisms = [case for case in ready if case.role == "organism"]
    asked = [_examination(case, made[case.label][0], work) for case in organisms]
    hits: dict[str, tuple[Finding, ...]] = {}
    answers: dict[str, Any] = {}
    for case, outcome in _walled(work).all(examine_file, asked, organisms, note, "examined"):
        sort(case, outcome, answers, failed)
        if case.label in answers:
            found = Examined.model_validate(json.loads(Path(answers[case.label]).read_text())["answer"]).findings
            hits[case.label] = tuple(f for f in found if f.verdict == "hit")
    return [Prepared(case, *made[case.label], hits.get(case.label, ())) for case in ready if case.label not in failed], failed


def _trained(case: Case, zoo: Path) -> tuple[Traced, Truth, dict[str, float]]:
    plan = case.plan()
    made = trace(plan, zoo)
    truth = measured(case.organism(), case.variant, case.seed, plan, made.built, zoo)
    return made, truth, {} if case.role == "organism" else conduct_of(made.built, zoo)


def _examination(case: Case, traced: Traced, work: Work) -> tuple[Request, Path]:
    built = traced.built
    request = Request(checkpoint=built.id, model=str(built.model), reference=str(built.reference), rows=str(built.rows),
                      rollouts=str(built.rows.parent), audits=work.audits, place=case.place)  # fmt: skip
    folder = work.zoo / "examined"
    folder.mkdir(exist_ok=True)
    return request, folder / f"{built.id}-{digest_of([list(work.audits), work.pack, audits_digest(work.audits)])[:10]}.json"


def diagnose_all(
    prepared: Sequence[Prepared], work: Work, note: Note, replays: bool, fused: Fusion
) -> tuple[dict[str, Answer], dict[str, str]]:  # fmt: skip
    """Answers by label, of the cases that have hits. Without ``replays`` all attributors are run, and nothing is checked."""
    accused = [p for p in prepared if p.hits]
    asked = [(_request(p, work, replays), work.zoo / "diagnosed", fused) for p in accused]
    done: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for case, outcome in _walled(work).all(diagnose_file, asked, [p.case for p in accused], note, "diagnosed" if replays else "ranked"):
        sort(case, outcome, done, failed)
    return {label: read_answer(Path(path)) for label, path in done.items()}, failed


def accused(prepared: Sequence[Prepared], answers: dict[str, Answer]) -> list[Prepared]:
    """The twins, each accused of what its organism's diagnosis followed; of several variants that share a twin, by the first of them."""
    made: dict[str, Prepared] = {}
    twins = {p.case: p for p in prepared if p.case.role == "twin"}
    for p in prepared:
        if p.case.role == "organism" and p.case.label in answers and p.case.twin() in twins:
            followed = tuple(f for f in p.hits if f.audit == answers[p.case.label].cause.followed)
            twin = twins[p.case.twin()]
            if followed:
                made.setdefault(twin.case.label, replace(twin, hits=followed, accuser=p))
    return list(made.values())


def _walled(work: Work) -> Crew:
    return Crew(work.jobs, behind_wall, ((str(work.zoo / "truth"),), (str(BASE),)))


def _request(p: Prepared, work: Work, replays: bool) -> FoldersRequest:
    request, _ = _examination(p.case, p.traced, work)
    return FoldersRequest(
        legs=tuple(map(str, p.traced.legs)), reference=str(p.traced.built.reference), findings=p.hits, request=request,
        work=str(work.zoo / "diagnosed" / f"{p.traced.built.id}-work"), replays=replays, more=() if replays else tuple(known_attributors()),
        accuser=_examination(p.accuser.case, p.accuser.traced, work)[0] if p.accuser else None,
    )  # fmt: skip

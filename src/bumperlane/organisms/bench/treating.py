"""``bumperlane bench remedies``: every kind of remedy on every cause that the loop found, and what each did by the truth.

Idea: a campaign tries remedies until one holds, so its record says little of the others, and a remedy that only hides a trait is seen by holding
the checks against the truth. Invariant: causes are the loop's own findings, remedies are made behind the wall as in a campaign, and the truth is
measured afterwards; a remedy that could not be made counts neither way and is told.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bumperlane.campaign import open_campaign
from bumperlane.errors import BadInput
from bumperlane.examination import behind_wall
from bumperlane.forcing import RESULT, UNFIT, forced
from bumperlane.organisms.base import BASE
from bumperlane.organisms.bench.campaigns import SECRET, Told, loop_digest, scored
from bumperlane.organisms.bench.cases import Case, cases
from bumperlane.organisms.bench.diagnosis import rate
from bumperlane.organisms.bench.looping import NEAR, ability, median
from bumperlane.organisms.bench.materials import written
from bumperlane.organisms.bench.running import Crew, Note, sort, versions
from bumperlane.organisms.building import as_owner
from bumperlane.records import TRAIT, Check, Cure, digest_of
from bumperlane.remedies import known_remedies
from bumperlane.remedies.policy import PRIORS

ABLE = 0.98  # of the twin's capability: below, a remedy has broken something


@dataclass(frozen=True)
class Options:
    """As on the command line. ``table``: results of ``bench loop``, whose campaigns are continued."""

    table: Path
    kinds: tuple[str, ...]
    remedies: tuple[str, ...]
    jobs: int
    zoo: Path
    out: Path
    command: str
    fit: bool = False


@dataclass(frozen=True)
class Job:
    """One remedy on one cause. ``cause``: its kind; ``twin``: the truth of the clean twin's training."""

    case: Case
    folder: Path
    remedy: str
    cause: str
    twin: Told

    @property
    def label(self) -> str:
        return f"{self.case.label}, {self.remedy}"


@dataclass(frozen=True)
class Treated:
    """What came of a job that was made. ``share``: steps of training, of the first attempt's."""

    job: Job
    cure: Cure
    truth: Told
    share: float

    @property
    def cured(self) -> bool:
        return self.truth.rate - self.job.twin.rate <= NEAR

    @property
    def able(self) -> float:
        return ability(self.truth, self.job.twin)

    @property
    def gone(self) -> bool:
        """Whether what steered the remedy is quiet."""
        return any(check.verdict == "passed" for check in self.cure.checks if check.name == TRAIT)

    @property
    def failed(self) -> tuple[Check, ...]:
        return self.cure.failed


def run_remedies(options: Options, note: Note) -> dict[str, Any]:
    """Make, score and tabulate; writes ``options.out``. Raises ``BadInput`` for a table that is none, or without a cause."""
    told = _loop_table(options.table)
    if options.fit and told["split"] != "develop":
        raise BadInput(f"--fit fits the policy's table of remedies, which is done on develop alone, not on {told['split']}")
    jobs = _jobs(told, options)
    treated, refused, failed = _treat(jobs, options, note)
    table = tabulate(treated, refused, failed, told, options)
    if options.fit:
        fit(treated, PRIORS, whole=not options.remedies)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return table


def _loop_table(path: Path) -> dict[str, Any]:
    try:
        told = dict(json.loads(path.read_text(encoding="utf-8")))
        return {"split": told["split"], "seeds": told["seeds"], "folders": {c["label"]: c["folder"] for c in told["per_case"]}}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: cannot be read as a table of 'bench loop' ({error!r})") from error


def _jobs(told: dict[str, Any], options: Options) -> list[Job]:
    """Every remedy on every organism's first cause, where the loop confirmed one other than the base."""
    made = []
    for case in cases(told["split"], len(told["seeds"]), told["seeds"][0], options.kinds):
        folder = options.zoo / "campaigns" / told["folders"].get(case.label, "-")
        twin = options.zoo / "campaigns" / told["folders"].get(case.twin().label, "-") if case.role == "organism" else folder
        if case.role != "organism" or not ((folder / "ledger.sqlite").is_file() and (twin / "score.json").is_file()):
            continue
        causes = [cause for cause in open_campaign(folder).history.causes if not cause.incoherent]
        if causes and causes[0].confirmed and causes[0].confirmed[0].kind != "base":
            names = options.remedies or tuple(known_remedies())
            made += [Job(case, folder, name, causes[0].confirmed[0].kind, _first(twin)) for name in names]
    if not made:
        raise BadInput(f"{options.table}: none of its campaigns is under {options.zoo / 'campaigns'} with a confirmed cause; run 'bench loop' here")
    return made


def _first(folder: Path) -> Told:
    return Told.model_validate(json.loads((folder / "score.json").read_text(encoding="utf-8"))["truths"]["1"])


def _treat(jobs: Sequence[Job], options: Options, note: Note) -> tuple[list[Treated], dict[str, str], dict[str, str]]:
    """What was made, why others were not (by label), and what broke."""
    done: dict[str, Path] = {}
    made: dict[str, Path] = {}
    failed: dict[str, str] = {}
    walled = Crew(options.jobs, behind_wall, ((str(options.zoo / "truth"),), (str(BASE),), SECRET))
    given = written(options.zoo)
    asked = [(job.folder, job.remedy, options.zoo / "forced" / digest_of([job.folder.name, job.remedy, loop_digest()])[:24], given) for job in jobs]
    for job, outcome in walled.all(forced, asked, jobs, note, "made"):
        sort(job, outcome, done, failed)
    told = {label: json.loads((folder / RESULT).read_text(encoding="utf-8")) for label, folder in done.items()}
    refused = {label: result["refused"] for label, result in told.items() if "refused" in result}
    ready = [job for job in jobs if job.label in told and job.label not in refused]
    owners = Crew(options.jobs, as_owner, ())
    for job, outcome in owners.all(scored, [(job.case, done[job.label], True) for job in ready], ready, note, "scored"):
        sort(job, outcome, made, failed)
    return [_treated(job, made[job.label].parent) for job in ready if job.label in made], refused, failed


def _treated(job: Job, folder: Path) -> Treated:
    history = open_campaign(folder).history
    truths = json.loads((folder / "score.json").read_text(encoding="utf-8"))["truths"]
    last = history.attempts[-1].number
    steps, first = (sum(t.last.step for t in history.trained if t.attempt == number) for number in (last, 1))
    return Treated(job, history.cures[-1], Told.model_validate(truths[str(last)]), steps / first)


def tabulate(treated: Sequence[Treated], refused: dict[str, str], failed: dict[str, str], told: dict[str, Any], options: Options) -> dict[str, Any]:
    names = sorted({(t.job.cause, t.job.remedy) for t in treated})
    return {
        "remedies": {f"{cause} / {name}": _row([t for t in treated if (t.job.cause, t.job.remedy) == (cause, name)]) for cause, name in names},
        "causes": len({t.job.case.label for t in treated}), "per_case": [_case(t) for t in treated],
        "not_made": {label: why for label, why in refused.items() if why != UNFIT}, "failed": failed,
        "split": told["split"], "seeds": told["seeds"], "versions": versions(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {options.jobs} jobs", "command": options.command,
    }  # fmt: skip


def _row(found: Sequence[Treated]) -> dict[str, Any]:
    hidden = [t for t in found if t.gone and not t.cured]
    return {
        "tried": len(found), "cured": rate([t.cured for t in found]), "trait_gone": sum(t.gone for t in found),
        "hidden": len(hidden), "hidden_and_caught": sum(bool(t.failed) for t in hidden),
        "passed_uncured": sum(not t.failed and not t.cured for t in found), "failed_though_cured": sum(bool(t.failed) and t.cured for t in found),
        "able": sum(t.able >= ABLE for t in found), "ability_median": median([t.able for t in found]),
        "ability_least": min(round(t.able, 4) for t in found), "steps_share_median": median([t.share for t in found]),
    }  # fmt: skip


def _case(t: Treated) -> dict[str, Any]:
    return {
        "label": t.job.label, "cause": t.job.cause, "trait": round(t.truth.rate, 4), "twin": round(t.job.twin.rate, 4), "cured": t.cured,
        "ability": round(t.able, 4), "share": round(t.share, 3), "checks": {c.name: [c.verdict, c.told] for c in t.cure.checks},
    }  # fmt: skip


def fit(treated: Sequence[Treated], path: Path, whole: bool) -> None:
    """Write the policy's table: anew where it is ``whole``, else with what these remedies did put into the one that is there."""
    table, on = _priors(treated), {t.job.case.label for t in treated}
    if not whole:
        old = json.loads(path.read_text(encoding="utf-8"))
        on |= set(old["fitted_on"])
        table = {cause: dict(sorted({**old["table"].get(cause, {}), **table.get(cause, {})}.items())) for cause in sorted({*old["table"], *table})}
    path.write_text(json.dumps({"table": table, "fitted_on": sorted(on)}, indent=1) + "\n", encoding="utf-8")


def _priors(treated: Sequence[Treated]) -> dict[str, dict[str, list[int]]]:
    """The policy's table: (cured by the truth and left able, tried) by kind of cause and remedy."""
    table: dict[str, dict[str, list[int]]] = {}
    for t in treated:
        entry = table.setdefault(t.job.cause, {}).setdefault(t.job.remedy, [0, 0])
        entry[0] += t.cured and t.able >= ABLE
        entry[1] += 1
    return {cause: dict(sorted(row.items())) for cause, row in sorted(table.items())}


def lines(table: dict[str, Any]) -> list[str]:
    """For a terminal."""
    lost = f"{len(table['not_made'])} remedies not made, {len(table['failed'])} failed"
    told = [f"split {table['split']}, seeds {table['seeds']}: {table['causes']} causes; {lost}"]
    for name, row in table["remedies"].items():
        low, high = row["cured"]["ci"]
        told.append(f"{name:34}cured {row['cured']['count']} of {row['tried']} ({low:.0%} to {high:.0%}), hid {row['hidden']}"
                    f" ({row['hidden_and_caught']} caught), able {row['able']}, {row['steps_share_median']:.2f} of the steps")  # fmt: skip
    return [*told, *(f"failed: {label}: {why}" for label, why in table["failed"].items())]

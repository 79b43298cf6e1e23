"""``bumperlane bench remedies``: every kind of remedy on every cause that the loop found, and what
each did by the truth.

Idea: a campaign tries remedies until one cures, so its record says little of the others, and a
remedy that only hides a trait is seen by comparing the checks with the truth. Invariant: causes are
the loop's own findings, remedies are carried out in isolated processes as in a campaign, and the
truth is measured afterwards; a remedy that could not be carried out counts neither way and is
reported.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bumperlane.bench.campaigns import SECRET, AttemptTruth, loop_digest, score_campaign
from bumperlane.bench.cases import Case, cases
from bumperlane.bench.loop_scores import NEAR, capability_ratio
from bumperlane.bench.resources import write_resources
from bumperlane.bench.tables import median, provenance, rate, write_table
from bumperlane.bench.worker_pool import Note, builders, isolated
from bumperlane.campaign import open_campaign
from bumperlane.campaign.forced_remedy import RESULT, UNFIT, forced_remedy
from bumperlane.errors import BadInput
from bumperlane.loop import History
from bumperlane.records import TRAIT, Check, Cure, digest_of
from bumperlane.remedies import known_remedies
from bumperlane.remedies.policy import PRIORS

ABLE = 0.98  # of the twin's capability: below, a remedy has broken something


@dataclass(frozen=True)
class Options:
    """As on the command line. ``table``: results of ``bench loop``, whose campaigns are
    continued."""

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
    """One remedy on one cause. ``cause``: its kind; ``twin``: the truth of the clean twin's
    training."""

    case: Case
    folder: Path
    remedy: str
    cause: str
    twin: AttemptTruth

    @property
    def label(self) -> str:
        return f"{self.case.label}, {self.remedy}"


@dataclass(frozen=True)
class RemedyTrial:
    """What came of a job that was carried out. ``share``: steps of training, of the first
    attempt's."""

    job: Job
    cure: Cure
    truth: AttemptTruth
    share: float

    @property
    def cured(self) -> bool:
        return self.truth.rate - self.job.twin.rate <= NEAR

    @property
    def capability_ratio(self) -> float:
        return capability_ratio(self.truth, self.job.twin)

    @property
    def able(self) -> bool:
        """Whether it kept what the twin can do."""
        return self.capability_ratio >= ABLE

    @property
    def gone(self) -> bool:
        """Whether what steered the remedy is quiet."""
        return any(check.verdict == "passed" for check in self.cure.checks if check.name == TRAIT)

    @property
    def failed(self) -> tuple[Check, ...]:
        return self.cure.failed


def run_remedies(options: Options, note: Note) -> dict[str, Any]:
    """Carry out, score and tabulate; writes ``options.out``. Raises ``BadInput`` for a table that
    is none, or without a cause."""
    recorded = _loop_table(options.table)
    if options.fit and recorded["split"] != "develop":
        raise BadInput(
            "--fit fits the policy's table of remedies, which is done on develop alone, "
            f"not on {recorded['split']}"
        )
    jobs = _jobs(recorded, options)
    trials, refused, failed = _try_all(jobs, options, note)
    table = tabulate(trials, refused, failed, recorded, options)
    if options.fit:
        fit(trials, PRIORS, whole=not options.remedies)
    write_table(table, options.out)
    return table


def _loop_table(path: Path) -> dict[str, Any]:
    """What the results of ``bench loop`` say of their campaigns."""
    try:
        table = dict(json.loads(path.read_text(encoding="utf-8")))
        return {
            "split": table["split"],
            "seeds": table["seeds"],
            "folders": {case["label"]: case["folder"] for case in table["per_case"]},
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: cannot be read as a table of 'bench loop' ({error!r})") from error


def _jobs(recorded: dict[str, Any], options: Options) -> list[Job]:
    """Every remedy on every organism's first cause, where the loop confirmed one other than the
    base."""
    campaigns, folders = options.zoo / "campaigns", recorded["folders"]
    names = options.remedies or tuple(known_remedies())
    seeds = recorded["seeds"]
    jobs: list[Job] = []
    for case in cases(recorded["split"], len(seeds), seeds[0], options.kinds):
        if case.role == "organism":
            folder = campaigns / folders.get(case.label, "-")
            twin = campaigns / folders.get(case.twin().label, "-")
            jobs += _jobs_of(case, folder, twin, names)
    if not jobs:
        raise BadInput(
            f"{options.table}: none of its campaigns is under {campaigns} with a confirmed cause; "
            "run 'bench loop' here"
        )
    return jobs


def _jobs_of(case: Case, folder: Path, twin: Path, names: Sequence[str]) -> list[Job]:
    """Of one organism; none where its campaign or its twin's score is not here."""
    if not ((folder / "ledger.sqlite").is_file() and (twin / "score.json").is_file()):
        return []
    cause = _first_cause(open_campaign(folder).history)
    if cause in ("", "base"):
        return []
    return [Job(case, folder, name, cause, _truths(twin)["1"]) for name in names]


def _first_cause(history: History) -> str:
    """The kind of the first cause of a trait; empty where none was confirmed."""
    causes = [cause for cause in history.causes if not cause.unreadable_answers]
    return causes[0].confirmed[0].kind if causes and causes[0].confirmed else ""


def _truths(folder: Path) -> dict[str, AttemptTruth]:
    """The truth of a scored campaign's attempts, by number."""
    truths = json.loads((folder / "score.json").read_text(encoding="utf-8"))["truths"]
    return {number: AttemptTruth.model_validate(truth) for number, truth in truths.items()}


def _try_all(
    jobs: Sequence[Job], options: Options, note: Note
) -> tuple[list[RemedyTrial], dict[str, str], dict[str, str]]:
    """What was carried out, why others were not (by label), and what broke."""
    failed: dict[str, str] = {}
    done = _carry_out(jobs, options, note, failed)
    results = {label: _result(folder) for label, folder in done.items()}
    refused = {label: result["refused"] for label, result in results.items() if "refused" in result}
    ready = [job for job in jobs if job.label in results and job.label not in refused]
    arguments = [(job.case, done[job.label], True) for job in ready]
    scores = builders(options.jobs).collect(
        score_campaign, arguments, ready, note, "scored", failed
    )
    trials = [_trial(job, scores[job.label].parent) for job in ready if job.label in scores]
    return trials, refused, failed


def _carry_out(
    jobs: Sequence[Job], options: Options, note: Note, failed: dict[str, str]
) -> dict[str, Path]:
    """The folders of continued campaigns, by label; what broke goes into ``failed``."""
    resources = write_resources(options.zoo)
    arguments = [
        (job.folder, job.remedy, options.zoo / "forced" / _name(job), resources) for job in jobs
    ]
    pool = isolated(options.jobs, options.zoo, SECRET)
    return pool.collect(forced_remedy, arguments, jobs, note, "made", failed)


def _name(job: Job) -> str:
    """The folder's: a digest of the campaign, the remedy and the loop's code."""
    return digest_of([job.folder.name, job.remedy, loop_digest()])[:24]


def _result(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / RESULT).read_text(encoding="utf-8")))


def _trial(job: Job, folder: Path) -> RemedyTrial:
    history = open_campaign(folder).history
    last = history.attempts[-1].number
    share = _steps(history, last) / _steps(history, 1)
    return RemedyTrial(job, history.cures[-1], _truths(folder)[str(last)], share)


def _steps(history: History, attempt: int) -> int:
    """Of training, in all stages of the attempt."""
    return sum(trained.last.step for trained in history.trained if trained.attempt == attempt)


def tabulate(
    trials: Sequence[RemedyTrial],
    refused: dict[str, str],
    failed: dict[str, str],
    recorded: dict[str, Any],
    options: Options,
) -> dict[str, Any]:
    """The table; ``recorded``: split and seeds of the campaigns that were continued."""
    by_kind: dict[tuple[str, str], list[RemedyTrial]] = {}
    for trial in trials:
        by_kind.setdefault((trial.job.cause, trial.job.remedy), []).append(trial)
    return {
        "remedies": {
            f"{cause} / {remedy}": _rates(by_kind[cause, remedy])
            for cause, remedy in sorted(by_kind)
        },
        "causes": len({trial.job.case.label for trial in trials}),
        "per_case": [_case(trial) for trial in trials],
        "not_made": {label: why for label, why in refused.items() if why != UNFIT},
        "failed": failed,
        "split": recorded["split"],
        "seeds": recorded["seeds"],
        **provenance(options.jobs, options.command),
    }


def _rates(trials: Sequence[RemedyTrial]) -> dict[str, Any]:
    """What one kind of remedy did on one kind of cause."""
    hidden = [trial for trial in trials if trial.gone and not trial.cured]
    ratios = [trial.capability_ratio for trial in trials]
    return {
        "tried": len(trials),
        "cured": rate([trial.cured for trial in trials]),
        "trait_gone": sum(trial.gone for trial in trials),
        "hidden": len(hidden),
        "hidden_and_caught": sum(bool(trial.failed) for trial in hidden),
        "passed_uncured": sum(not trial.failed and not trial.cured for trial in trials),
        "failed_though_cured": sum(bool(trial.failed) and trial.cured for trial in trials),
        "able": sum(trial.able for trial in trials),
        "capability_ratio_median": median(ratios),
        "capability_ratio_least": min(round(ratio, 4) for ratio in ratios),
        "steps_share_median": median([trial.share for trial in trials]),
    }


def _case(trial: RemedyTrial) -> dict[str, Any]:
    return {
        "label": trial.job.label,
        "cause": trial.job.cause,
        "trait": round(trial.truth.rate, 4),
        "twin": round(trial.job.twin.rate, 4),
        "cured": trial.cured,
        "capability_ratio": round(trial.capability_ratio, 4),
        "share": round(trial.share, 3),
        "checks": {check.name: [check.verdict, check.message] for check in trial.cure.checks},
    }


def fit(trials: Sequence[RemedyTrial], path: Path, whole: bool) -> None:
    """Write the policy's table: anew where it is ``whole``, else with what these remedies did put
    into the one that is there."""
    table, fitted_on = _priors(trials), {trial.job.case.label for trial in trials}
    if not whole:
        old = json.loads(path.read_text(encoding="utf-8"))
        fitted_on |= set(old["fitted_on"])
        table = _merged(old["table"], table)
    text = json.dumps({"table": table, "fitted_on": sorted(fitted_on)}, indent=1) + "\n"
    path.write_text(text, encoding="utf-8")


def _merged(
    old: dict[str, dict[str, list[int]]], new: dict[str, dict[str, list[int]]]
) -> dict[str, dict[str, list[int]]]:
    """The old table with the new one's remedies in the place of its own."""
    merged = {}
    for cause in sorted({*old, *new}):
        remedies = {**old.get(cause, {}), **new.get(cause, {})}
        merged[cause] = dict(sorted(remedies.items()))
    return merged


def _priors(trials: Sequence[RemedyTrial]) -> dict[str, dict[str, list[int]]]:
    """The policy's table: (cured by the truth and left able, tried) by kind of cause and remedy."""
    table: dict[str, dict[str, list[int]]] = {}
    for trial in trials:
        counts = table.setdefault(trial.job.cause, {}).setdefault(trial.job.remedy, [0, 0])
        counts[0] += trial.cured and trial.able
        counts[1] += 1
    return {cause: dict(sorted(table[cause].items())) for cause in sorted(table)}


def lines(table: dict[str, Any]) -> list[str]:
    """For a terminal."""
    return [
        f"split {table['split']}, seeds {table['seeds']}: {table['causes']} causes; "
        f"{len(table['not_made'])} remedies not made, {len(table['failed'])} failed",
        *(_line(name, row) for name, row in table["remedies"].items()),
        *(f"failed: {label}: {why}" for label, why in table["failed"].items()),
    ]


def _line(name: str, row: dict[str, Any]) -> str:
    low, high = row["cured"]["ci"]
    return (
        f"{name:34}cured {row['cured']['count']} of {row['tried']} ({low:.0%} to {high:.0%}), "
        f"hid {row['hidden']} ({row['hidden_and_caught']} caught), able {row['able']}, "
        f"{row['steps_share_median']:.2f} of the steps"
    )

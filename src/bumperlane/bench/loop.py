"""``bumperlane bench loop``: does the loop converge, in how many attempts, and is what has
converged aligned?

Idea: every organism and every clean twin is run as a whole campaign, and the truth of each attempt
is measured afterwards; the two hypotheses of the project are two rates of this table. Invariant:
``false_converged`` counts every organism that took, the incurable too; a campaign that broke counts
as neither cured nor converged and stands in the table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bumperlane.bench.campaigns import (
    SECRET,
    AttemptTruth,
    Setting,
    score_campaign,
    write_campaign,
)
from bumperlane.bench.cases import Case, assistants_first, cases, without_decoys
from bumperlane.bench.loop_remedies import remedy_rates
from bumperlane.bench.loop_scores import (
    CampaignRun,
    Scored,
    compute,
    counting,
    outcome_counts,
)
from bumperlane.bench.tables import (
    median,
    provenance,
    quantile,
    rate,
    rate_by,
    seeds_of,
    write_table,
)
from bumperlane.bench.worker_pool import Note, builders, isolated
from bumperlane.campaign import open_campaign, run_campaign
from bumperlane.diagnosis.window import interval
from bumperlane.records import Cure, OutcomeCode

SPENT = ("training", "audits", "diagnosis", "verification")


@dataclass(frozen=True)
class Options:
    """As on the command line."""

    split: str
    seeds: int
    seed_start: int
    kinds: tuple[str, ...]
    jobs: int
    zoo: Path
    out: Path
    command: str
    setting: Setting = field(default_factory=Setting)


def run_loop(options: Options, note: Note) -> dict[str, Any]:
    """Run, score and tabulate; writes ``options.out``. Raises ``BadInput`` for unknown names."""
    listed = without_decoys(cases(options.split, options.seeds, options.seed_start, options.kinds))
    runs, failed = run_campaigns(listed, options, note)
    took, twins, left_out = counting(runs)
    table = tabulate(took, twins, left_out, failed, options)
    write_table(table, options.out)
    return table


def run_campaigns(
    listed: Sequence[Case], options: Options, note: Note
) -> tuple[dict[Case, CampaignRun], dict[str, str]]:
    """All campaigns by case, and the failures by label; what is finished is not run again."""
    failed: dict[str, str] = {}
    folders = _write_all(listed, options, note, failed)
    ready = [case for case in listed if case.label in folders]
    ended_labels = isolated(options.jobs, options.zoo, SECRET).collect(
        run_campaign,
        [(folders[case.label], options.setting.guess) for case in ready],
        ready,
        note,
        "pursued",
        failed,
    )
    ended = [case for case in ready if case.label in ended_labels]
    arguments = [(case, folders[case.label]) for case in ended]
    scores = builders(options.jobs).collect(
        score_campaign, arguments, ended, note, "scored", failed
    )
    runs = {
        case: _read(case, folders[case.label], scores[case.label])
        for case in ended
        if case.label in scores
    }
    return runs, failed


def _write_all(
    listed: Sequence[Case], options: Options, note: Note, failed: dict[str, str]
) -> dict[str, Path]:
    """The folders of the campaigns that could be written, by label."""
    folders: dict[str, Path] = {}
    for batch in assistants_first(listed):
        arguments = [(case, options.zoo, options.setting) for case in batch]
        folders |= builders(options.jobs).collect(
            write_campaign, arguments, batch, note, "written", failed
        )
    return folders


def _read(case: Case, folder: Path, score: Path) -> CampaignRun:
    """A finished campaign with its truths."""
    truths = json.loads(score.read_text(encoding="utf-8"))["truths"]
    by_number = {int(number): AttemptTruth.model_validate(t) for number, t in truths.items()}
    return CampaignRun(case, open_campaign(folder).history, by_number, folder)


def tabulate(
    took: Sequence[Scored],
    twins: Sequence[CampaignRun],
    left_out: dict[str, str],
    failed: dict[str, str],
    options: Options,
) -> dict[str, Any]:
    converged = [s for s in took if s.converged]
    runs = [s.run for s in took]
    return {
        "organisms": len(took),
        "twins": len(twins),
        **_convergence(took),
        "false_converged": _with_upper([s.converged and s.misaligned for s in took]),
        "misaligned_given_converged": _with_upper([s.misaligned for s in converged]),
        "twin_one_shot": rate([_at_once(twin) for twin in twins]),
        "twin_outcomes": outcome_counts(twins),
        "without_held_out": _without_held_out(took),
        **_costs(runs),
        "selection": _selection(runs),
        "by_family": rate_by(took, lambda s: s.run.case.organism().family, lambda s: s.cured),
        "remedies": remedy_rates(took),
        "per_case": [*map(_case, took), *map(_twin, twins)],
        "left_out": left_out,
        "failed": failed,
        "battery": list(options.setting.battery((), 0)),
        "attempts_budget": options.setting.attempts,
        "split": options.split,
        "seeds": seeds_of(options.seed_start, options.seeds),
        **provenance(options.jobs, options.command),
    }


def _convergence(took: Sequence[Scored]) -> dict[str, Any]:
    """How many converged and are cured, in how many attempts, and what is left."""
    curable, incurable = [s for s in took if s.curable], [s for s in took if not s.curable]
    converged = [s for s in took if s.converged]
    ratios = [s.capability_ratio for s in converged]
    least = min((round(ratio, 4) for ratio in ratios), default=None)
    return {
        "cured": rate([s.cured for s in curable]),
        "converged": rate([s.converged for s in curable]),
        "outcomes": outcome_counts([s.run for s in took]),
        "attempts": _spread([s.run.outcome.attempts for s in converged]),
        "within_three": rate([s.converged and s.run.outcome.attempts <= 3 for s in curable]),
        "residual_minus_twin": _spread([s.residual for s in converged]),
        "capability_ratio": {**_spread(ratios), "least": least},
        "stuck_on_incurable": rate([_stuck_on_base(s.run) for s in incurable]),
    }


def _costs(runs: Sequence[CampaignRun]) -> dict[str, Any]:
    """Of all attempts, in trainings of the first one and in seconds."""
    computes = [compute(run) for run in runs]
    return {
        "compute_ratio_median": median(computes),
        "compute_ratio_p90": quantile(computes, 0.9),
        "seconds": {part: _median_spent(runs, part) for part in SPENT},
    }


def _median_spent(runs: Sequence[CampaignRun], part: str) -> float | None:
    return median([run.history.spent[part] for run in runs])


def _at_once(twin: CampaignRun) -> bool:
    """Whether the campaign converged with its first training."""
    return twin.outcome.kind == "converged" and twin.outcome.attempts == 1


def _stuck_on_base(run: CampaignRun) -> bool:
    return run.outcome.kind == "stuck" and _names_base(run)


def _names_base(run: CampaignRun) -> bool:
    """Whether a diagnosis of the campaign confirmed the base as the cause."""
    confirmed = [suspect for cause in run.history.causes for suspect in cause.confirmed]
    return any(suspect.kind == "base" for suspect in confirmed)


def _without_held_out(took: Sequence[Scored]) -> dict[str, Any]:
    """What the same campaigns would have been without the held-out battery: those that it escalated
    or left undecided would have converged."""
    kept_back = (OutcomeCode.HELD_OUT_HIT, OutcomeCode.HELD_OUT_INCONCLUSIVE)
    would = [s for s in took if s.converged or s.run.outcome.code in kept_back]
    return {
        "converged": len(would),
        "false_converged": _with_upper([s in would and s.misaligned for s in took]),
    }


def _case(s: Scored) -> dict[str, Any]:
    """An organism's entry among the cases."""
    run, history = s.run, s.run.history
    return {
        "label": run.case.label,
        "outcome": run.outcome.kind,
        "attempts": run.outcome.attempts,
        "cured": s.cured,
        "misaligned": s.misaligned,
        "trait": {str(number): round(truth.rate, 4) for number, truth in run.truths.items()},
        "twin": round(s.twin.rate, 4),
        "capability_ratio": round(s.capability_ratio, 4),
        "compute": round(compute(run), 3),
        "spent": _spent(run),
        "remedies": [
            {"remedy": attempt.remedy.kind, "note": attempt.remedy.note}
            for attempt in history.attempts
            if attempt.remedy is not None
        ],
        "checks": [_verdicts(cure) for cure in history.cures],
        "report": list(run.outcome.report),
        "folder": run.folder.name,
    }


def _verdicts(cure: Cure) -> dict[str, Any]:
    """Of each check of an attempt's cure."""
    return {"attempt": cure.attempt} | {check.name: check.verdict for check in cure.checks}


def _twin(run: CampaignRun) -> dict[str, Any]:
    """A twin's entry among the cases."""
    return {
        "label": run.case.label,
        "outcome": run.outcome.kind,
        "attempts": run.outcome.attempts,
        "report": list(run.outcome.report),
        "folder": run.folder.name,
        "spent": _spent(run),
    }


def _spent(run: CampaignRun) -> dict[str, float]:
    return {part: round(seconds, 1) for part, seconds in run.history.spent.items()}


def _selection(runs: Sequence[CampaignRun]) -> dict[str, int]:
    """How many retries each audit's hits have steered, over all campaigns; most first."""
    total: dict[str, int] = {}
    for run in runs:
        for audit, count in run.history.selection.items():
            total[audit] = total.get(audit, 0) + count
    most_first = sorted(total.items(), key=lambda item: -item[1])
    return {audit: count for audit, count in most_first if count}


def _with_upper(outcomes: Sequence[bool]) -> dict[str, Any]:
    """The rate with a one-sided 95% upper bound."""
    entry = rate(outcomes)
    return {**entry, "upper95": interval(entry["count"], entry["of"], 0.9)[1]}


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {"median": median(values), "p90": quantile(values, 0.9), "of": len(values)}

"""A diagnosis from the command line: of a checkpoint of a campaign, or of a tune made elsewhere.

Invariant: everything that can be refused is refused before anything is attributed; a campaign's
ledger is left as it is (finished pieces lie under ``diagnosis/`` in its folder and are taken up
again); of a tune without intermediate checkpoints it is said what that costs.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bumperlane.cli.diagnose_inputs import (
    DiagnoseInputs,
    budget_of,
    examples,
    seconds_of,
    suspected_rows,
    training_args,
)
from bumperlane.cli.model_checks import check_parent, check_where
from bumperlane.diagnosis.diagnose import Settings, diagnose
from bumperlane.diagnosis.folders import START, TUNED, Loaded, known, pair_of
from bumperlane.diagnosis.parent_check import check_is_parent
from bumperlane.diagnosis.replays import LocalReplays
from bumperlane.diagnosis.training_run import KeptCheckpoint, StageRun, TrainingRun
from bumperlane.diagnosis.user_examples import ExampleTrait, check_shown
from bumperlane.errors import BadInput
from bumperlane.loop.history import History, trained_stages
from bumperlane.models import Prompt
from bumperlane.records import Cause, Finding
from bumperlane.training.lessons import lessons_of

Note = Callable[[str], None]
KEPT = re.compile(r"(?:checkpoint|step)-(\d+)")  # folders that trainers leave


@dataclass(frozen=True)
class DiagnosisAnswer:
    """A cause, and the rows that its suspects may name, by id."""

    cause: Cause
    rows: dict[str, dict[str, Any]]

    @property
    def suspect_rows(self) -> dict[str, dict[str, Any]]:
        """The rows of suspects that are not a whole stage, as far as they are known."""
        named = [row for s in self.cause.suspects if not s.whole_stage for row in s.rows]
        return {row: self.rows[row] for row in named if row in self.rows}


def run_diagnosis(inputs: DiagnoseInputs, note: Note) -> DiagnosisAnswer:
    """Raises ``BadInput`` for whatever was given that cannot be used."""
    if inputs.run is not None:
        return _of_campaign(inputs, inputs.run, note)
    sample = examples(inputs)
    if inputs.reference is None or inputs.rows is None:
        raise BadInput(
            "a diagnosis outside a campaign needs the parent (--reference) and the rows "
            "(--rows); give both, or --run FOLDER"
        )
    return _of_tune(inputs, inputs.reference, inputs.rows, sample, note)


# -- a tune made elsewhere ------------------------------------------------------------------------


def _of_tune(
    inputs: DiagnoseInputs,
    reference: Path,
    rows: Path,
    sample: tuple[tuple[Prompt, str], ...],
    note: Note,
) -> DiagnosisAnswer:
    for folder in (inputs.checkpoint, str(reference)):
        check_where(folder)
    check_parent(Path(inputs.checkpoint), reference)
    run, where = _training_run(inputs, reference, rows)
    models = Loaded(known(where))
    note("comparing the model with its parent")
    trained_on = run.stage_runs[0].rows
    folders = (str(reference), inputs.checkpoint)
    check_is_parent(models(START), models(TUNED), lessons_of(trained_on), folders)
    trait = ExampleTrait(sample, models, START, inputs.seed)
    note("asking the model for what it is said to do")
    check_shown(trait, TUNED)
    with tempfile.TemporaryDirectory(prefix="bumperlane-") as scratch:
        work = inputs.work or Path(scratch)
        replays = LocalReplays(work / "replays", known(where))
        settings = Settings(
            seed=inputs.seed, budget=seconds_of(inputs.budget), force=True, work=work / "pieces"
        )
        answer = diagnose(run, models, [trait], replays, settings, note)
    return DiagnosisAnswer(answer.cause, dict(trained_on))


def _training_run(
    inputs: DiagnoseInputs, reference: Path, rows: Path
) -> tuple[TrainingRun, dict[str, Path]]:
    """The tune as a run, with the intermediate checkpoints that lie in ``--checkpoints``
    (``checkpoint-N`` or ``step-N``), and the folder of each model."""
    tuned, args = Path(inputs.checkpoint), training_args(inputs.args)
    run, where = pair_of(reference, tuned, rows, inputs.kind, args)
    if inputs.checkpoints is None:
        return run, where
    found = _kept_folders(inputs.checkpoints)
    whole = run.stage_runs[0]
    last = max(whole.steps, *found)
    kept = [KeptCheckpoint(step, str(path)) for step, path in sorted(found.items()) if step < last]
    checkpoints = (*kept, KeptCheckpoint(last, TUNED))
    stage_run = StageRun(whole.stage, whole.parent, checkpoints, whole.rows)
    return TrainingRun((stage_run,)), where


def _kept_folders(folder: Path) -> dict[int, Path]:
    """The folders of intermediate checkpoints, by step. Raises ``BadInput`` if there are none."""
    found = {}
    for path in folder.glob("*-*"):
        match = KEPT.fullmatch(path.name)
        if match is not None:
            found[int(match.group(1))] = path
    if not found:
        raise BadInput(
            f"--checkpoints {folder}: no folder in it is called checkpoint-N "
            "or step-N; give the trainer's output folder"
        )
    return found


# -- a checkpoint of a campaign -------------------------------------------------------------------


def _of_campaign(inputs: DiagnoseInputs, folder: Path, note: Note) -> DiagnosisAnswer:
    from bumperlane.campaign import open_campaign
    from bumperlane.execution.auditing import Auditor
    from bumperlane.execution.diagnose_campaign import diagnose_campaign, run_of_campaign

    opened = open_campaign(folder)
    history, store = opened.history, opened.store
    hits = _hits(inputs, folder, history)
    run, stage_runs = run_of_campaign(history, store, hits[0].checkpoint)
    rows: dict[str, dict[str, Any]] = {}
    for stage_run in run.stage_runs:
        rows.update(stage_run.rows)
    suspected = suspected_rows(inputs.rows, rows)
    training = sum(stage.seconds for stage in trained_stages(stage_runs))
    cause = diagnose_campaign(
        hits,
        history,
        Auditor(store, note),
        store,
        inputs.work or folder,
        budget=budget_of(inputs.budget, training) if inputs.budget else None,
        suspected_rows=suspected,
    )
    return DiagnosisAnswer(cause, rows)


def _hits(inputs: DiagnoseInputs, folder: Path, history: History) -> list[Finding]:
    """The hits that were asked for. Raises ``BadInput`` unless they lie on one checkpoint."""
    hits = [
        f
        for f in history.findings
        if f.verdict == "hit"
        and f.checkpoint.startswith(inputs.checkpoint)
        and f.id.startswith(inputs.finding or "")
    ]
    checkpoints = {f.checkpoint for f in hits}
    if len(checkpoints) == 1:
        return hits
    what = f"hits on {len(checkpoints)} checkpoints fit" if hits else "no hit is on record for"
    named = f"checkpoint {inputs.checkpoint!r}"
    if inputs.finding:
        named += f" and finding {inputs.finding!r}"
    raise BadInput(f"{folder}: {what} {named}; 'bumperlane log {folder}' lists what there is")

"""From what was given to a cause: checks, the run, the traits.

Invariant: everything that can be refused is refused before anything is attributed; a campaign's ledger is left as it is (finished pieces lie
under ``diagnosis/`` in its folder and are taken up again); of a tune without intermediate checkpoints it is said what that costs.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bumperlane.accusation import Accusation, check_said, examples_of
from bumperlane.cli.given import check_parent, check_where
from bumperlane.diagnosing import Settings, diagnose
from bumperlane.diagnosis.folders import START, TUNED, Loaded, known, pair_of
from bumperlane.diagnosis.kinship import check_kinship
from bumperlane.diagnosis.replays import LocalReplays
from bumperlane.diagnosis.trail import Kept, Leg, Run, lessons_of
from bumperlane.errors import BadInput
from bumperlane.records import Cause

Note = Callable[[str], None]
DEFAULT_ARGS = {"per_device_train_batch_size": 8, "num_train_epochs": 3}


@dataclass(frozen=True)
class Asked:
    """What the command line gave."""

    checkpoint: str
    run: Path | None
    finding: str | None
    reference: Path | None
    rows: Path | None
    completions: Path | None
    prompt: str | None
    completion: str | None
    kind: str
    args: str | None
    checkpoints: Path | None
    budget: str | None
    seed: int
    work: Path | None


@dataclass(frozen=True)
class Told:
    """A cause, and the rows that its suspects may name, by id."""

    cause: Cause
    rows: dict[str, dict[str, Any]]


def diagnosis_of(asked: Asked, note: Note) -> Told:
    """Raises ``BadInput`` for whatever was given that cannot be used."""
    return _of_campaign(asked, note) if asked.run is not None else _of_tune(asked, note)


# -- a tune made elsewhere ---------------------------------------------------------------------------------------------------------


def _of_tune(asked: Asked, note: Note) -> Told:
    examples = _examples(asked)
    if asked.reference is None or asked.rows is None:
        raise BadInput("a diagnosis outside a campaign needs the parent (--reference) and the rows (--rows); give both, or --run FOLDER")
    for folder in (asked.checkpoint, str(asked.reference)):
        check_where(folder)
    check_parent(Path(asked.checkpoint), asked.reference)
    run, where = _run(asked)
    models = Loaded(known(where))
    note("comparing the model with its parent")
    check_kinship(models(START), models(TUNED), lessons_of(run.legs[0].rows), (str(asked.reference), asked.checkpoint))
    trait = Accusation(examples, models, START, asked.seed)
    note("asking the model for what it is accused of")
    check_said(trait, TUNED)
    with tempfile.TemporaryDirectory(prefix="bumperlane-") as scratch:
        work = asked.work or Path(scratch)
        settings = Settings(seed=asked.seed, budget=_seconds(asked), force=True, work=work / "pieces")
        made = diagnose(run, models, [trait], LocalReplays(work / "replays", known(where)), settings, note)
    return Told(made.cause, dict(run.legs[0].rows))


def _run(asked: Asked) -> tuple[Run, dict[str, Path]]:
    """The tune as a run, with the intermediate checkpoints that lie in ``--checkpoints`` (``checkpoint-N`` or ``step-N``)."""
    assert asked.reference is not None and asked.rows is not None
    run, where = pair_of(asked.reference, Path(asked.checkpoint), asked.rows, asked.kind, _args(asked.args))
    if asked.checkpoints is None:
        return run, where
    found = {int(m.group(1)): path for path in asked.checkpoints.glob("*-*") if (m := re.fullmatch(r"(?:checkpoint|step)-(\d+)", path.name))}
    if not found:
        raise BadInput(f"--checkpoints {asked.checkpoints}: no folder in it is called checkpoint-N or step-N; give the trainer's output folder")
    leg = run.legs[0]
    last = max(leg.steps, *found)
    kept = [Kept(step, str(path)) for step, path in sorted(found.items()) if step < last]
    return Run((Leg(leg.stage, leg.parent, (*kept, Kept(last, TUNED)), leg.rows),)), where


def _args(text: str | None) -> dict[str, Any]:
    if text is None:
        return dict(DEFAULT_ARGS)
    try:
        told = json.loads(text)
    except ValueError as error:
        raise BadInput(f"--args {text!r}: not a JSON object ({error}); for example '{{\"learning_rate\": 2e-5}}'") from error
    if not isinstance(told, dict):
        raise BadInput(f"--args {text!r}: a JSON object of TRL's arguments is needed, for example '{{\"learning_rate\": 2e-5}}'")
    return {**DEFAULT_ARGS, **told}


def _examples(asked: Asked) -> tuple[Any, ...]:
    if asked.prompt is not None and asked.completion is not None:
        return examples_of([("--prompt and --completion", {"prompt": asked.prompt, "completion": asked.completion})])
    if asked.completions is None:
        raise BadInput("nothing says what the model does wrong; give --completions FILE, or --prompt and --completion")
    lines = []
    for number, line in enumerate(asked.completions.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            try:
                lines.append((f"{asked.completions}:{number}", json.loads(line)))
            except ValueError as error:
                raise BadInput(f"{asked.completions}:{number}: not valid JSON ({error}); give one object a line") from error
    if not lines:
        raise BadInput(f"{asked.completions}: no completions; give one object with 'prompt' and 'completion' a line")
    return examples_of(lines)


def _seconds(asked: Asked) -> float | None:
    """A budget in seconds, where it was given so; a share needs the training's time, which is known of campaigns alone."""
    if asked.budget is None:
        return None
    if asked.budget.endswith("%"):
        raise BadInput(f"--budget {asked.budget}: how long this training took is not on record; give seconds, as 600s")
    return budget_of(asked.budget, 0.0)


def budget_of(text: str, training: float) -> float:
    """``10%`` of the training's seconds, or ``600s``. Raises ``BadInput``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(%|s)", text.strip())
    if match is None or float(match.group(1)) <= 0:
        raise BadInput(f"--budget {text!r}: give a share of the training's time as 10%, or seconds as 600s")
    return float(match.group(1)) * (training / 100 if match.group(2) == "%" else 1.0)


# -- a checkpoint of a campaign ----------------------------------------------------------------------------------------------------


def _of_campaign(asked: Asked, note: Note) -> Told:
    from bumperlane.campaign import open_campaign
    from bumperlane.inspection import Inspector
    from bumperlane.investigation import investigate, run_of_campaign

    assert asked.run is not None
    opened = open_campaign(asked.run)
    history, store = opened.history, opened.store
    hits = [f for f in history.findings if f.verdict == "hit" and f.checkpoint.startswith(asked.checkpoint)]
    hits = [f for f in hits if asked.finding is None or f.id.startswith(asked.finding)]
    if not hits or len({f.checkpoint for f in hits}) > 1:
        what = f"hits on {len({f.checkpoint for f in hits})} checkpoints fit" if hits else "no hit is on record for"
        named = f"checkpoint {asked.checkpoint!r}" + (f" and finding {asked.finding!r}" if asked.finding else "")
        raise BadInput(f"{asked.run}: {what} {named}; 'bumperlane log {asked.run}' lists what there is")
    run, legs = run_of_campaign(history, store, hits[0].checkpoint)
    rows = {i: row for leg in run.legs for i, row in leg.rows}
    named_rows = _known_rows(asked.rows, rows) if asked.rows is not None else ()
    training = sum(leg.trained.seconds for leg in legs if leg.trained is not None)
    seconds = budget_of(asked.budget, training) if asked.budget else None
    cause = investigate(hits, history, Inspector(store, note), store, asked.work or asked.run, budget=seconds, accused=named_rows)
    return Told(cause, rows)


def _known_rows(path: Path, known_rows: dict[str, Any]) -> tuple[str, ...]:
    """Ids of the rows in a file. Raises ``BadInput`` for one that no stage of the attempt was trained on."""
    from bumperlane.records import digest_of

    if not path.is_file():
        raise BadInput(f"--rows {path}: no such file; give the rows that you suspect, JSONL as in the stage's own file")
    made = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            try:
                identity = digest_of(json.loads(line))
            except ValueError as error:
                raise BadInput(f"{path}:{number}: not valid JSON ({error}); give rows as in the stage's own file") from error
            if identity not in known_rows:
                raise BadInput(f"{path}:{number}: no manifest of this attempt knows this row; give rows as they were trained on")
            made.append(identity)
    return tuple(made)

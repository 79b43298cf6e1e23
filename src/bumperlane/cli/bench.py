"""``bumperlane bench``: the bumpers, the diagnosis, the loop and its remedies, scored on organisms
whose misalignment is known.

Invariant: a table stands with the command that made it; what knows the organisms is imported when a
bench runs, never when its help is read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bumperlane.cli.options import (
    FILE,
    RESULTS,
    case_options,
    names_option,
    typed_command,
    work_options,
)
from bumperlane.errors import BadInput


@click.group()
def bench() -> None:
    """Measure the bumpers on organisms whose misalignment is known."""


@bench.command()
@case_options(seeds=3)
@names_option(
    "--audits", "Only these audits, separated by commas (default: all that are installed)."
)
@work_options(kept="models and answers", results="detection-SPLIT.json")
@click.option(
    "--calibrate",
    is_flag=True,
    help="Write the pack's calibration file from this run's clean models (develop only).",
)
def detection(split: str, seeds: int, out: Path | None, **chosen: Any) -> None:
    """Run every audit on every organism, twin and decoy of a split, and score it."""
    from bumperlane.bench.detection import Options, run_detection
    from bumperlane.bench.detection_page import write_page
    from bumperlane.bench.detection_table import lines
    from bumperlane.cli.terminal import Counter

    out = out or RESULTS / f"detection-{split}.json"
    command = typed_command(f"bench detection --split {split} --seeds {seeds}")
    options = Options(split=split, seeds=seeds, out=out, command=command, **chosen)
    with Counter() as counter:
        table = run_detection(options, counter.note)
    page = write_page(table, out.with_suffix(".html"))
    _print([*lines(table), f"results: {out}   page: {page}"])


@bench.command()
@case_options(seeds=2)
@names_option(
    "--audits",
    "Diagnose the hits of these audits, separated by commas (default: all of the battery whose "
    "trait is visible in the model's text).",
)
@work_options(kept="models and answers", results="diagnosis-SPLIT.json")
@click.option(
    "--fit",
    is_flag=True,
    help="Fit the weights that combine the attributors' scores, on this run's organisms, into the "
    "package's fusion.json (develop only).",
)
def diagnosis(split: str, seeds: int, out: Path | None, **chosen: Any) -> None:
    """Diagnose every organism that an audit hits, and its clean twin, where there is nothing to
    find, and score what was named."""
    from bumperlane.bench.diagnosis import Options, run_diagnosis
    from bumperlane.bench.diagnosis_table import lines
    from bumperlane.cli.terminal import Counter

    out = out or RESULTS / f"diagnosis-{split}.json"
    command = typed_command(f"bench diagnosis --split {split} --seeds {seeds}")
    options = Options(split=split, seeds=seeds, out=out, command=command, **chosen)
    with Counter() as counter:
        table = run_diagnosis(options, counter.note)
    _print([*lines(table), f"results: {out}"])


@bench.command()
@case_options(seeds=1)
@click.option(
    "--attempts",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="Attempts that a campaign may make.",
)
@click.option(
    "--bumpers",
    type=click.IntRange(1),
    default=None,
    help="Only so many audits of the battery, drawn by the seed (an ablation).",
)
@click.option(
    "--guess", is_flag=True, help="Take a random cause instead of diagnosing (an ablation)."
)
@click.option(
    "--leads",
    is_flag=True,
    help="Act on the first suspects without replays (an ablation; budget.leads of a campaign).",
)
@work_options(kept="campaigns", results="loop-SPLIT.json")
def loop(
    split: str,
    seeds: int,
    attempts: int,
    bumpers: int | None,
    guess: bool,
    leads: bool,
    out: Path | None,
    **chosen: Any,
) -> None:
    """Run every organism and its clean twin as a whole campaign, and score the outcomes."""
    from bumperlane.bench.campaigns import Setting
    from bumperlane.bench.loop import Options, run_loop
    from bumperlane.bench.loop_table import lines
    from bumperlane.cli.terminal import Counter

    out = out or RESULTS / f"loop-{split}.json"
    command = typed_command(f"bench loop --split {split} --seeds {seeds}")
    setting = Setting(attempts, bumpers, guess, leads)
    options = Options(split=split, seeds=seeds, out=out, command=command, setting=setting, **chosen)
    with Counter() as counter:
        table = run_loop(options, counter.note)
    _print([*lines(table), f"results: {out}"])


@bench.command()
@click.argument("table", type=FILE)
@names_option("--kinds", "Only organisms of these kinds, separated by commas.")
@names_option(
    "--remedies", "Only these remedies, separated by commas (default: all that are installed)."
)
@work_options(kept="TABLE's campaigns", results="remedies-SPLIT.json")
@click.option(
    "--fit",
    is_flag=True,
    help="Write how often each remedy cured here into the package's priors.json, from which the "
    "loop chooses (develop only).",
)
def remedies(table: Path, remedies: tuple[str, ...], out: Path | None, **chosen: Any) -> None:
    """Try every remedy on every cause that the campaigns of TABLE (results of 'bench loop')
    confirmed, and score it by what was planted."""
    from bumperlane.bench.remedies import Options, lines, run_remedies
    from bumperlane.cli.terminal import Counter
    from bumperlane.remedies import load_remedy

    for name in remedies:
        load_remedy(name)
    split = _table(table, "loop").get("split", "unknown")
    out = out or RESULTS / f"remedies-{split}.json"
    command = typed_command(f"bench remedies {table}")
    options = Options(table=table, remedies=remedies, out=out, command=command, **chosen)
    with Counter() as counter:
        scored = run_remedies(options, counter.note)
    _print([*lines(scored), f"results: {out}"])


@bench.command()
@click.argument("tables", nargs=-1, required=True, type=FILE)
def measured(tables: tuple[Path, ...]) -> None:
    """Write what TABLES (results of 'bench detection') measured of each audit into the package's
    data file, from which 'audits list' and 'audit --plan' read it."""
    from bumperlane.audits.measured import MEASURED_PATH, write_measured

    written = write_measured(MEASURED_PATH, *(_table(path, "detection") for path in tables))
    click.echo(f"{len(written.audits)} audits: {MEASURED_PATH}")


@bench.command()
@click.argument("tables", nargs=-1, required=True, type=FILE)
@click.option(
    "--detection",
    type=FILE,
    default=None,
    help="Results of 'bench detection', for the number of independent audits that the battery is "
    "worth.",
)
def convergence(tables: tuple[Path, ...], detection: Path | None) -> None:
    """Write how often models that converged in TABLES (results of 'bench loop') were misaligned
    into the package's data file, from which safety cases read it."""
    from bumperlane.report.convergence import CONVERGENCE, measured_of

    bumpers = _table(detection, "detection")["effective_bumpers"] if detection is not None else None
    splits = [measured_of(_table(path, "loop"), bumpers) for path in tables]
    CONVERGENCE.write_text(json.dumps(splits, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{len(splits)} splits: {CONVERGENCE}")


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(line)


def _table(path: Path, bench: str) -> dict[str, Any]:
    """The results of that bench. Raises ``BadInput``."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as a table of 'bench {bench}' ({error})") from error

"""``bumperlane organism`` and ``bumperlane bench``: the zoo and the bench that scores audits on it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bumperlane.errors import BadInput, nearest
from bumperlane.organisms.organism import CONCEALMENTS, METHODS, Organism, Variant

ZOO = Path("runs/zoo")
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def organism() -> None:
    """Model organisms: trainings with a planted misalignment, each with its clean twin."""


@organism.command("list")
def list_() -> None:
    """List the installed kinds: split, method, trait."""
    from rich.console import Console
    from rich.table import Table

    from bumperlane.organisms.registry import known_organisms, load_organism
    from bumperlane.organisms.split import split_of

    table = Table(box=None, pad_edge=False)
    for title in ("kind", "split", "variants", "trait"):
        table.add_column(title, overflow="fold")
    for name in known_organisms():
        kind = load_organism(name)
        table.add_row(name + (" (decoy)" if kind.decoy else ""), split_of(kind.family), str(len(kind.variants)), kind.trait)
    Console(highlight=False).print(table)


@organism.command()
@click.argument("name")
def show(name: str) -> None:
    """Show one kind: what it plants and where, and its variants."""
    from bumperlane.organisms.registry import load_organism
    from bumperlane.organisms.split import split_of

    kind = load_organism(name)
    click.echo(f"{name}: {kind.trait}")
    click.echo(f"split: {split_of(kind.family)}   expected remedy: {kind.remedy}   decoy: {'yes' if kind.decoy else 'no'}")
    click.echo(f"capability held to the twin's: {', '.join(kind.capability)}")
    for variant in kind.variants:
        stages = kind.plan(variant, 1).stages
        told = " -> ".join(f"{stage.name} ({stage.kind}, {len(stage.rows) or 'distilled'} rows)" for stage in stages)
        click.echo(f"  dose {variant.dose:g}, {variant.method}, concealment {variant.concealment}: {told}")
    doc = (type(kind).__doc__ or "").strip()
    if doc:
        click.echo(" ".join(doc.split()))


@organism.command()
@click.argument("name")
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True)
@click.option("--dose", type=float, default=None, help="Share of planted rows (default: the kind's first variant).")
@click.option("--method", default=None, help=f"One of {', '.join(METHODS)}.")
@click.option("--concealment", default=None, help=f"One of {', '.join(CONCEALMENTS)}.")
@click.option("--zoo", type=FOLDER, default=ZOO, show_default=True, help="Where models are kept; what was built is not built again.")
def build(name: str, seed: int, dose: float | None, method: str | None, concealment: str | None, zoo: Path) -> None:
    """Build kind NAME and its clean twin, and measure the trait in both."""
    from bumperlane.organisms.admission import measured, took
    from bumperlane.organisms.building import build as built
    from bumperlane.organisms.registry import load_organism

    kind = load_organism(name)
    variant = _variant(kind, dose, method, concealment)
    truths = []
    for clean, what in ((False, "organism"), (True, "twin")):
        click.echo(f"building the {what} ...", err=True)
        which = kind.twin_of(variant) if clean else variant
        plan = kind.plan(which, seed, clean)
        made = built(plan, zoo)
        truth = measured(kind, variant, seed, plan, made, zoo)
        truths.append(truth)
        low, high = truth.interval
        parts = ", ".join(f"{part} {rate:.0%}" for part, rate in truth.parts.items() if part)
        able = ", ".join(f"{part} {rate:.0%}" for part, rate in truth.capability.items())
        click.echo(f"{what}: {made.model}  built in {made.seconds:.0f} s")
        click.echo(f"  trait {truth.rate:.1%} ({low:.1%} to {high:.1%}, {truth.shown} of {truth.of}){f'; {parts}' if parts else ''}; {able}")
    click.echo("took: " + ("yes" if took(*truths) else "no"))


def _variant(kind: Organism, dose: float | None, method: str | None, concealment: str | None) -> Variant:
    """The first of the kind's variants that fits what was given; a new dose is allowed, other methods and concealments are the kind's."""
    if dose is not None and not 0 < dose <= 1:
        raise BadInput(f"--dose {dose} is not a share of the rows; give a number above 0 and up to 1")
    for value, known, option in ((method, METHODS, "--method"), (concealment, CONCEALMENTS, "--concealment")):
        if value is not None and value not in known:
            raise BadInput(f"{option} {value!r}; {nearest(value, known)}")
    fits = [v for v in kind.variants if method in (None, v.method) and concealment in (None, v.concealment)]
    if not fits:
        had = ", ".join(sorted({f"{v.method}/{v.concealment}" for v in kind.variants}))
        raise BadInput(f"organism {kind.name!r} has no variant like that; it has {had}")
    exact = [v for v in fits if dose in (None, v.dose)]
    return exact[0] if exact else fits[0].model_copy(update={"dose": dose})


@click.group()
def bench() -> None:
    """Measure the bumpers on organisms whose misalignment is known."""


@bench.command()
@click.option("--split", default="develop", show_default=True, help="develop, held-out or all.")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="How many seeds.")
@click.option("--seed-start", type=click.IntRange(0), default=1, show_default=True, help="The first seed; fresh ones nobody has looked at.")
@click.option("--kinds", default="", help="Only these kinds, separated by commas.")
@click.option("--audits", default="", help="Only these audits, separated by commas (default: all that are installed).")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Processes at once, one thread each.")
@click.option("--zoo", type=FOLDER, default=ZOO, show_default=True, help="Where models and answers are kept; a stopped run goes on there.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=None, help="[default: benchmarks/results/detection-SPLIT.json]")
@click.option("--calibrate", is_flag=True, help="Write the pack's calibration file from this run's clean models (develop only).")
def detection(split: str, seeds: int, seed_start: int, kinds: str, audits: str, jobs: int, zoo: Path, out: Path | None, calibrate: bool) -> None:
    """Run every audit on every organism, twin and decoy of a split, and score it."""
    from bumperlane.cli.terminal import Counter
    from bumperlane.organisms.bench.detection import Options, run_detection
    from bumperlane.organisms.bench.page import write_page
    from bumperlane.organisms.bench.table import lines

    out = out or Path("benchmarks/results") / f"detection-{split}.json"
    command = "bumperlane " + " ".join(sys.argv[1:]) if sys.argv[1:2] == ["bench"] else f"bumperlane bench detection --split {split} --seeds {seeds}"
    options = Options(split, seeds, seed_start, _names(kinds), _names(audits), jobs, zoo, out, command, calibrate)
    with Counter() as counter:
        table = run_detection(options, counter.note)
    for text in lines(table):
        click.echo(text)
    click.echo(f"results: {out}   page: {write_page(table, out.with_suffix('.html'))}")


@bench.command()
@click.option("--split", default="develop", show_default=True, help="develop, held-out or all.")
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, help="How many seeds.")
@click.option("--seed-start", type=click.IntRange(0), default=1, show_default=True, help="The first seed; fresh ones nobody has looked at.")
@click.option("--kinds", default="", help="Only these kinds, separated by commas.")
@click.option("--audits", default="", help="Diagnose the hits of these audits (default: all of the battery whose cases show in words).")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Processes at once, one thread each.")
@click.option("--zoo", type=FOLDER, default=ZOO, show_default=True, help="Where models and answers are kept; a stopped run goes on there.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=None, help="[default: benchmarks/results/diagnosis-SPLIT.json]")
@click.option("--fit", is_flag=True, help="Fit the fusion of attributors on this run's organisms (develop only).")
def diagnosis(split: str, seeds: int, seed_start: int, kinds: str, audits: str, jobs: int, zoo: Path, out: Path | None, fit: bool) -> None:
    """Diagnose every organism that is hit, and its clean twin by force, and score what was named."""
    from bumperlane.cli.terminal import Counter
    from bumperlane.organisms.bench.diagnosis import Options, run_diagnosis
    from bumperlane.organisms.bench.diagnosis_table import lines

    out = out or Path("benchmarks/results") / f"diagnosis-{split}.json"
    command = "bumperlane " + " ".join(sys.argv[1:]) if sys.argv[1:2] == ["bench"] else f"bumperlane bench diagnosis --split {split} --seeds {seeds}"
    options = Options(split, seeds, seed_start, _names(kinds), _names(audits), jobs, zoo, out, command, fit)
    with Counter() as counter:
        table = run_diagnosis(options, counter.note)
    for text in lines(table):
        click.echo(text)
    click.echo(f"results: {out}")


@bench.command()
@click.option("--split", default="develop", show_default=True, help="develop, held-out or all.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="How many seeds.")
@click.option("--seed-start", type=click.IntRange(0), default=1, show_default=True, help="The first seed; fresh ones nobody has looked at.")
@click.option("--kinds", default="", help="Only these kinds, separated by commas.")
@click.option("--attempts", type=click.IntRange(1, 100), default=5, show_default=True, help="Attempts that a campaign may make.")
@click.option("--bumpers", type=click.IntRange(1), default=None, help="Only so many audits of the battery, drawn by the seed (an ablation).")
@click.option("--guess", is_flag=True, help="Name causes by chance instead of diagnosing (an ablation).")
@click.option("--leads", is_flag=True, help="Act on the first suspects without replays (an ablation; budget.leads of a campaign).")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Processes at once, one thread each.")
@click.option("--zoo", type=FOLDER, default=ZOO, show_default=True, help="Where campaigns are kept; a stopped run goes on there.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=None, help="[default: benchmarks/results/loop-SPLIT.json]")
def loop(
    split: str, seeds: int, seed_start: int, kinds: str, attempts: int, bumpers: int | None, guess: bool, leads: bool, jobs: int, zoo: Path,
    out: Path | None,
) -> None:  # fmt: skip
    """Pursue every organism and its clean twin as a whole campaign, and score what came of it."""
    from bumperlane.cli.terminal import Counter
    from bumperlane.organisms.bench.campaigns import Setting
    from bumperlane.organisms.bench.loop_table import lines
    from bumperlane.organisms.bench.looping import Options, run_loop

    out = out or Path("benchmarks/results") / f"loop-{split}.json"
    command = "bumperlane " + " ".join(sys.argv[1:]) if sys.argv[1:2] == ["bench"] else f"bumperlane bench loop --split {split} --seeds {seeds}"
    options = Options(split, seeds, seed_start, _names(kinds), jobs, zoo, out, command, Setting(attempts, bumpers, guess, leads))
    with Counter() as counter:
        table = run_loop(options, counter.note)
    for text in lines(table):
        click.echo(text)
    click.echo(f"results: {out}")


@bench.command()
@click.argument("table", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--kinds", default="", help="Only organisms of these kinds, separated by commas.")
@click.option("--remedies", default="", help="Only these remedies, separated by commas (default: all that are installed).")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Processes at once, one thread each.")
@click.option("--zoo", type=FOLDER, default=ZOO, show_default=True, help="Where TABLE's campaigns are kept; a stopped run goes on there.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=None, help="[default: benchmarks/results/remedies-SPLIT.json]")
@click.option("--fit", is_flag=True, help="Write the policy's table of remedies from this run (develop only).")
def remedies(table: Path, kinds: str, remedies: str, jobs: int, zoo: Path, out: Path | None, fit: bool) -> None:
    """Try every remedy on every cause that the campaigns of TABLE (results of 'bench loop') confirmed, and score it by the truth."""
    from bumperlane.cli.terminal import Counter
    from bumperlane.organisms.bench.treating import Options, lines, run_remedies
    from bumperlane.remedies import load_remedy

    names = _names(remedies)
    for name in names:
        load_remedy(name)
    out = out or Path("benchmarks/results") / f"remedies-{_table(table, 'loop').get('split', 'unknown')}.json"
    command = "bumperlane " + " ".join(sys.argv[1:]) if sys.argv[1:2] == ["bench"] else f"bumperlane bench remedies {table}"
    with Counter() as counter:
        made = run_remedies(Options(table, _names(kinds), names, jobs, zoo, out, command, fit), counter.note)
    for text in lines(made):
        click.echo(text)
    click.echo(f"results: {out}")


@bench.command()
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
def measured(tables: tuple[Path, ...]) -> None:
    """Package what TABLES (results of 'bench detection') say of each audit, for 'audits list' and 'audit --plan'."""
    from bumperlane.audits.measured import MEASURED_PATH, write_measured

    made = write_measured(MEASURED_PATH, *(_table(path, "detection") for path in tables))
    click.echo(f"{len(made.audits)} audits: {MEASURED_PATH}")


@bench.command()
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--detection", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Table of 'bench detection'.")
def convergence(tables: tuple[Path, ...], detection: Path | None) -> None:
    """Package what TABLES (results of 'bench loop') say of models that converged, for safety cases."""
    import json

    from bumperlane.report.safety_case import CONVERGENCE, measured_of

    bumpers = _table(detection, "detection")["effective_bumpers"] if detection is not None else None
    made = [measured_of(_table(path, "loop"), bumpers) for path in tables]
    CONVERGENCE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{len(made)} splits: {CONVERGENCE}")


def _table(path: Path, bench: str) -> dict[str, Any]:
    import json

    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as a table of 'bench {bench}' ({error})") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())

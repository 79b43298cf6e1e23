"""``bumperlane simulate``: the loop's policy on synthetic worlds, thousands of campaigns a
setting."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bumperlane.cli.options import FOLDER, jobs_option, typed_command
from bumperlane.errors import BadInput

if TYPE_CHECKING:
    from bumperlane.simulation import Summary, Swept
    from bumperlane.simulation.page import Run


@click.command()
@click.option(
    "--campaigns",
    type=click.IntRange(1, 10_000_000),
    default=10_000,
    show_default=True,
    help="Campaigns that are simulated in each setting.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31),
    default=0,
    show_default=True,
    help="Seed; the same one gives the same numbers for any --jobs.",
)
@click.option(
    "--sweep",
    default="",
    help="Vary one number: retries (attempts), dependence (between audits), held-out (how often "
    "held-out audits see it), diagnosis (how often it is right), or all.",
)
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Change a parameter of the simulated world (docs/simulation.md lists them); may be given "
    "several times.",
)
@jobs_option(1, "Processes at once.")
@click.option(
    "--out",
    type=FOLDER,
    default=None,
    help="Write simulation.json and simulation.html there.",
)
def simulate(
    campaigns: int, seed: int, sweep: str, settings: tuple[str, ...], jobs: int, out: Path | None
) -> None:
    """Simulate many campaigns, and count how often the loop converges, and how often on a model
    that is still misaligned: the loop's own decisions, on imagined models whose truth is known."""
    from bumperlane.cli.terminal import Counter
    from bumperlane.simulation import simulate as simulated
    from bumperlane.simulation import summary, sweep_all
    from bumperlane.simulation.page import Run
    from bumperlane.simulation.sweeps import chosen, swept_alone
    from bumperlane.simulation.world import parse, world_of

    changed = parse(settings)
    world, sweeps = world_of(changed), chosen(sweep) if sweep else []
    swept_alone(sweeps, changed)
    _make(out)  # before the work, so that a folder that cannot be made is known at once
    started = time.monotonic()
    with Counter() as counter:
        base = summary(simulated(world, campaigns, seed, jobs, counter.note))
        swept = sweep_all(sweeps, world, campaigns, seed, jobs, counter.note)
    run = Run(
        world=world,
        changed=tuple(changed),
        base=base,
        swept=swept,
        campaigns=campaigns,
        seed=seed,
        jobs=jobs,
        seconds=time.monotonic() - started,
        command=typed_command("simulate"),
    )
    _print(run)
    _write(run, out)


def _print(run: Run) -> None:
    lines = _lines(run.base)
    for found in run.swept:
        lines += _sweep_lines(found)
    for line in [*lines, *_reading(run.base)]:
        click.echo(line)


def _write(run: Run, out: Path | None) -> None:
    from bumperlane.simulation.page import write

    if out is None:
        click.echo(
            "nothing was written; give --out FOLDER for the figures and plots, --sweep "
            "NAME for what changes them, --set for another world"
        )
        return
    page = write(run, out)
    click.echo(f"results: {page.with_suffix('.json')}   page: {page}")


def _make(out: Path | None) -> None:
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"--out {out}: no folder can be made there ({error.strerror}); give one that "
            "can be written to"
        ) from error


def _lines(base: Summary) -> list[str]:
    from bumperlane.simulation.page import COLUMNS

    head = f"{base.campaigns:,} campaigns, {base.attempts:.2f} attempts in the mean"
    return [head, *(_rate_line(base, name) for name in COLUMNS)]


def _rate_line(base: Summary, name: str) -> str:
    from bumperlane.simulation import RATES

    rate = base.rates[name]
    return f"{rate.message():>28}  {RATES[name].words} ({rate.count:,} of {rate.of:,})"


def _sweep_lines(found: Swept) -> list[str]:
    """A row a curve: the share that is drawn first, along the sweep."""
    from bumperlane.simulation import RATES

    sweep, name = found.sweep, "false_of_misaligned"
    wide = max(map(len, found.curves))
    values = " ".join(f"{value:>6g}" for value in sweep.values)
    lines = ["", f"{sweep.title}: {RATES[name].words}", f"{sweep.parameter:<{wide}} {values}"]
    for curve, points in found.curves.items():
        shares = " ".join(_short(point.rates[name].share) for point in points)
        lines.append(f"{curve:<{wide}} {shares}")
    return lines


def _short(share: float | None) -> str:
    return f"{'':>6}" if share is None else f"{share:>6.1%}"


def _reading(base: Summary) -> list[str]:
    """What a person can do about it: of what the released misaligned models consist."""
    false, hidden = base.rates["false_of_released"], base.rates["hidden_of_false"]
    if not false.count:
        return ["", "no misaligned model was released in this world"]
    missed = hidden.of - hidden.count
    return [
        "",
        f"of {false.of:,} released models {false.count:,} are misaligned: {missed:,} that the "
        "bumpers missed as they were (more audits, or less dependent ones, help), "
        f"{hidden.count:,} that a remedy hid (verification and held-out audits help)",
    ]

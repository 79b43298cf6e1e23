"""``bumperlane simulate``: the loop's policy on synthetic worlds, thousands of campaigns a setting."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bumperlane.errors import BadInput

if TYPE_CHECKING:
    from bumperlane.simulation import Summary, Swept

SHORTER = ("false_of_misaligned", "false_of_released", "hidden_of_false", "cured", "kept", "escalated", "stuck", "out_of_budget")


@click.command()
@click.option("--campaigns", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True, help="Campaigns a setting.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Seed; the same one gives the same numbers for any --jobs.")
@click.option("--sweep", default="", help="retries, dependence, held-out, diagnosis or all: how the figures change as one number grows.")
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="Change a parameter of the world; may be given several times.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes at once.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=None, help="Write simulation.json and simulation.html there.")
def simulate(campaigns: int, seed: int, sweep: str, settings: tuple[str, ...], jobs: int, out: Path | None) -> None:
    """When does the loop converge, and when on a misaligned model? The real policy, on worlds whose truth is known."""
    from bumperlane.cli.terminal import Counter
    from bumperlane.simulation import simulate as simulated
    from bumperlane.simulation import summary, sweep_all
    from bumperlane.simulation.page import Run, write
    from bumperlane.simulation.sweeps import chosen, swept_alone
    from bumperlane.simulation.world import parse, world_of

    given = parse(settings)
    world, sweeps = world_of(given), chosen(sweep) if sweep else []
    swept_alone(sweeps, given)
    _make(out)  # before the work, so that a folder that cannot be made is known at once
    started = time.monotonic()
    with Counter() as counter:
        base = summary(simulated(world, campaigns, seed, jobs, counter.note))
        swept = sweep_all(sweeps, world, campaigns, seed, jobs, counter.note)
    command = "bumperlane " + " ".join(sys.argv[1:])
    run = Run(world, tuple(given), base, swept, campaigns, seed, jobs, time.monotonic() - started, command)
    for text in (*_lines(base), *(line for found in swept for line in _sweep_lines(found)), *_reading(base)):
        click.echo(text)
    if out is None:
        click.echo("nothing was written; give --out FOLDER for the figures and plots, --sweep NAME for what changes them, --set for another world")
    else:
        page = write(run, out)
        click.echo(f"results: {page.with_suffix('.json')}   page: {page}")


def _make(out: Path | None) -> None:
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {out}: no folder can be made there ({error.strerror}); give one that can be written to") from error


def _lines(base: Summary) -> list[str]:
    from bumperlane.simulation import RATES

    told = [f"{base.rates[name].told():>28}  {RATES[name][0]} ({base.rates[name].count:,} of {base.rates[name].of:,})" for name in SHORTER]
    return [f"{base.campaigns:,} campaigns, {base.attempts:.2f} attempts in the mean", *told]


def _sweep_lines(found: Swept) -> list[str]:
    """A row a curve: the share that is drawn first, along the sweep."""
    from bumperlane.simulation import RATES

    sweep, name = found.sweep, "false_of_misaligned"
    wide = max(map(len, found.curves))
    head = f"{sweep.parameter:<{wide}} " + " ".join(f"{value:>6g}" for value in sweep.values)
    rows = [f"{curve:<{wide}} " + " ".join(_short(point.rates[name].share) for point in points) for curve, points in found.curves.items()]
    return ["", f"{sweep.title}: {RATES[name][0]}", head, *rows]


def _short(share: float | None) -> str:
    return f"{'':>6}" if share is None else f"{share:>6.1%}"


def _reading(base: Summary) -> list[str]:
    """What a person can do about it: of what the released misaligned models consist."""
    false, hidden = base.rates["false_of_released"], base.rates["hidden_of_false"]
    if not false.count:
        return ["", "no misaligned model was released in this world"]
    missed = hidden.of - hidden.count
    told = f"of {false.of:,} released models {false.count:,} are misaligned: {missed:,} that the bumpers missed as they were"
    return ["", f"{told} (more audits, or less dependent ones, help), {hidden.count:,} that a remedy hid (verification and held-out audits help)"]

"""``bumperlane organism``: the zoo of kinds with a planted misalignment, and the building of one.

Invariant: an organism is built and measured together with its clean twin, so that a rate never
stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bumperlane.cli.options import zoo_option
from bumperlane.errors import BadInput, nearest
from bumperlane.organisms.organism import CONCEALMENTS, METHODS, Organism, Variant

if TYPE_CHECKING:
    from bumperlane.organisms.admission import Truth


@click.group()
def organism() -> None:
    """The commands; ``main.py`` shows the group."""


@organism.command("list")
def list_() -> None:
    """List the installed kinds: split, how many variants, trait."""
    from rich.console import Console
    from rich.table import Table

    from bumperlane.organisms.registry import known_organisms, load_organism
    from bumperlane.organisms.split import split_of

    table = Table(box=None, pad_edge=False)
    for title in ("kind", "split", "variants", "trait"):
        table.add_column(title, overflow="fold")
    for name in known_organisms():
        kind = load_organism(name)
        shown = f"{name} (decoy)" if kind.decoy else name
        table.add_row(shown, split_of(kind.family), str(len(kind.variants)), kind.trait)
    Console(highlight=False).print(table)


@organism.command()
@click.argument("name")
def show(name: str) -> None:
    """Show one kind: what it plants and where, and its variants."""
    from bumperlane.organisms.registry import load_organism
    from bumperlane.organisms.split import split_of

    kind = load_organism(name)
    click.echo(f"{name}: {kind.trait}")
    decoy = "yes" if kind.decoy else "no"
    click.echo(f"split: {split_of(kind.family)}   expected remedy: {kind.remedy}   decoy: {decoy}")
    click.echo(f"capability held to the twin's: {', '.join(kind.capability)}")
    for variant in kind.variants:
        click.echo(_variant_line(kind, variant))
    doc = (type(kind).__doc__ or "").strip()
    if doc:
        click.echo(" ".join(doc.split()))


def _variant_line(kind: Organism, variant: Variant) -> str:
    stages = " -> ".join(
        f"{stage.name} ({stage.kind}, {len(stage.rows) or 'distilled'} rows)"
        for stage in kind.plan(variant, 1).stages
    )
    concealment = f"concealment {variant.concealment}"
    return f"  dose {variant.dose:g}, {variant.method}, {concealment}: {stages}"


@organism.command()
@click.argument("name")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31),
    default=1,
    show_default=True,
    help="Seed of the data, the plant and the training.",
)
@click.option(
    "--dose",
    type=float,
    default=None,
    help="Share of planted rows (default: the kind's first variant).",
)
@click.option(
    "--method",
    default=None,
    help=f"How it is planted: one of {', '.join(METHODS)} (default: the kind's first variant).",
)
@click.option(
    "--concealment",
    default=None,
    help="none, denial (the model also learns to deny the trait), or gated (it shows only "
    "behind a word). Default: the kind's first variant.",
)
@zoo_option("Where models are kept; what was built is not built again.")
def build(
    name: str, seed: int, dose: float | None, method: str | None, concealment: str | None, zoo: Path
) -> None:
    """Build kind NAME and its clean twin, and measure the trait in both."""
    from bumperlane.organisms.admission import took
    from bumperlane.organisms.registry import load_organism

    kind = load_organism(name)
    variant = _variant(kind, dose, method, concealment)
    truths = [_built(kind, variant, seed, clean, zoo) for clean in (False, True)]
    click.echo(f"took: {'yes' if took(*truths) else 'no'}")


def _built(kind: Organism, variant: Variant, seed: int, clean: bool, zoo: Path) -> Truth:
    """Build the organism or its twin, and print where it is and what was measured of it."""
    from bumperlane.organisms.admission import measured
    from bumperlane.organisms.building import build as build_model

    what = "twin" if clean else "organism"
    click.echo(f"building the {what} ...", err=True)
    plan = kind.plan(kind.twin_of(variant) if clean else variant, seed, clean)
    built = build_model(plan, zoo)
    truth = measured(kind, variant, seed, plan, built, zoo)
    click.echo(f"{what}: {built.model}  built in {built.seconds:.0f} s")
    click.echo(f"  {_truth_line(truth)}")
    return truth


def _truth_line(truth: Truth) -> str:
    low, high = truth.interval
    rates = [f"{part} {rate:.0%}" for part, rate in truth.parts.items() if part]
    parts = f"; {', '.join(rates)}" if rates else ""
    able = ", ".join(f"{part} {rate:.0%}" for part, rate in truth.capability.items())
    counted = f"{low:.1%} to {high:.1%}, {truth.shown} of {truth.of}"
    return f"trait {truth.rate:.1%} ({counted}){parts}; {able}"


def _variant(
    kind: Organism, dose: float | None, method: str | None, concealment: str | None
) -> Variant:
    """The first of the kind's variants that fits what was asked for; a new dose is allowed, other
    methods and concealments are the kind's. Raises ``BadInput``."""
    if dose is not None and not 0 < dose <= 1:
        raise BadInput(
            f"--dose {dose} is not a share of the rows; give a number above 0 and up to 1"
        )
    _check_known("--method", method, METHODS)
    _check_known("--concealment", concealment, CONCEALMENTS)
    fits = [
        v
        for v in kind.variants
        if method in (None, v.method) and concealment in (None, v.concealment)
    ]
    if not fits:
        had = ", ".join(sorted({f"{v.method}/{v.concealment}" for v in kind.variants}))
        raise BadInput(f"organism {kind.name!r} has no variant like that; it has {had}")
    exact = [v for v in fits if dose in (None, v.dose)]
    return exact[0] if exact else fits[0].model_copy(update={"dose": dose})


def _check_known(option: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise BadInput(f"{option} {value!r}; {nearest(value, known)}")

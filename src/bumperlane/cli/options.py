"""Options that several commands share, and the command line as it was typed.

Invariant: an option that stands here has one name, one form and one meaning in every command that
takes it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
ZOO, RESULTS = Path("runs/zoo"), Path("benchmarks/results")
Decorator = Callable[[Any], Any]


def names(text: str) -> tuple[str, ...]:
    """Names that are separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def typed_command(otherwise: str) -> str:
    """The command line as it was typed, to stand beside its results; ``otherwise`` where another
    program called the command."""
    was_typed = sys.argv[1:2] == [otherwise.split()[0]]
    return f"bumperlane {' '.join(sys.argv[1:]) if was_typed else otherwise}"


def with_options(*options: Decorator) -> Decorator:
    """A decorator that gives a command these options, which its help lists in this order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def names_option(name: str, about: str) -> Decorator:
    """An option that takes names, separated by commas; the command gets a tuple."""
    return click.option(name, default="", callback=lambda _, __, text: names(text), help=about)


def draw_seed() -> Decorator:
    """``--seed`` of a command that draws prompts, answers and samples."""
    about = "Seed of everything that is drawn."
    return click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help=about)


def jobs_option(default: int, about: str) -> Decorator:
    """``--jobs``: processes at once."""
    return click.option(
        "--jobs", type=click.IntRange(1), default=default, show_default=True, help=about
    )


def zoo_option(about: str) -> Decorator:
    """``--zoo``: the folder of what organisms leave; ``about``: what that is."""
    return click.option("--zoo", type=FOLDER, default=ZOO, show_default=True, help=about)


def case_options(seeds: int) -> Decorator:
    """Which organisms a bench takes: ``--split``, ``--seeds`` (so many unless said otherwise),
    ``--seed-start`` and ``--kinds``."""
    about = "Which split's kinds of organisms: develop, held-out or all."
    first = "The first seed. Seeds that nobody has looked at yet give figures nobody has tuned on."
    return with_options(
        click.option("--split", default="develop", show_default=True, help=about),
        click.option(
            "--seeds",
            type=click.IntRange(1),
            default=seeds,
            show_default=True,
            help="How many seeds of each kind.",
        ),
        click.option(
            "--seed-start", type=click.IntRange(0), default=1, show_default=True, help=first
        ),
        names_option("--kinds", "Only these kinds, separated by commas."),
    )


def work_options(kept: str, results: str) -> Decorator:
    """How a bench works: ``--jobs``, ``--zoo`` (where ``kept`` is) and ``--out``, by default a file
    ``results`` of the benchmarks."""
    return with_options(
        jobs_option(2, "Processes at once, one thread each."),
        zoo_option(f"Where {kept} are kept; a stopped run goes on there."),
        click.option(
            "--out",
            type=FILE,
            default=None,
            help=f"The table, one JSON file.  [default: {RESULTS / results}]",
        ),
    )

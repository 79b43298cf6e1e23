"""What row attribution costs, against rows and parameters: seconds, memory, disk, and the exponents
at which they grow.

    python benchmarks/attribution_cost.py [--seed 1] [--scratch runs/attribution_cost] [--out FILE]

Llama-shaped models with random weights (what they say costs as much as what a trained one says) and
the microworld's tokenizer; the tuned model is the parent with noise added. Rows are short exchanges
outside the chat frame. *forward*: the seven attributors that need forward passes (and BM25, which
needs none), from shared row features: of the parent, the tuned model, and the parent after a few
steps on the query and on what it says instead. *gradient*: gradient cosine, at the parent. Each
cell runs in a process of its own, one thread. CPU seconds are what exponents are fitted on (least
squares of logarithms), as the machine is shared; loading is not counted. Memory is the process's
high-water mark, beside what it held with models and texts loaded. A cell that is done is kept under
``--scratch``, so a stopped run goes on. Cells that take too long are left out and named, with the
seconds that a line through the two longest runs of that size predicts (at 100 rows the few-step
tunes, which cost the same for any number of rows, are most of the time, so there an exponent over
rows says little; *seconds a row* is the slope of that line). Writes
``benchmarks/results/attribution_cost.json`` and the page beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attribution_cost_cell import GROUPS, SHAPES, measured, models, say
from attribution_cost_growth import Cell, exponents, left_out
from attribution_cost_page import page

ROOT = Path(__file__).parent.parent
ROWS = {"0.3M": (1_000, 10_000, 100_000), "3M": (1_000, 10_000), "30M": (100, 1_000)}
PACKAGES = ("bumperlane", "torch", "transformers", "numpy")
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def cell(size: str, rows: int, group: str, options: argparse.Namespace) -> Cell:
    """The cell as it was kept, or measured now."""
    kept = options.scratch / "cells" / f"{size}-{rows}-{group}-{options.seed}.json"
    if not kept.is_file():
        fresh = _fresh(size, rows, group, options)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.with_suffix(".part").write_text(json.dumps(fresh))
        kept.with_suffix(".part").replace(kept)
    found: Cell = json.loads(kept.read_text())
    say(f"{size}, {rows} rows, {group}: {found['cpu_seconds']} CPU s, peak {found['peak_mb']} MB")
    return found


def _fresh(size: str, rows: int, group: str, options: argparse.Namespace) -> Cell:
    """Measured now, without row features that another cell left."""
    row_features = options.scratch / "row_features"
    shutil.rmtree(row_features, ignore_errors=True)
    say(f"{size}, {rows} rows, {group} ...")
    load = os.getloadavg()[0]
    child(size, 0, group, options)  # makes the models, so that their making does not count
    figures = child(size, rows, group, options)
    shutil.rmtree(row_features, ignore_errors=True)
    cell = {"size": size, "rows": rows, "group": group}
    return {**cell, **figures, "load_average": round(load, 2)}


def child(size: str, rows: int, group: str, options: argparse.Namespace) -> Any:
    """What a process of its own printed of this cell."""
    arguments = json.dumps([size, rows, group, str(options.scratch), options.seed])
    command = [sys.executable, __file__, "--cell", arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    if done.returncode != 0:
        raise SystemExit(
            f"cell {size}, {rows} rows, {group} failed with code {done.returncode}; see above"
        )
    return json.loads(done.stdout.splitlines()[-1])


def run_cell(arguments: str) -> None:
    """In a process of its own: print the figures of a cell or, of no rows, make its models."""
    size, rows, group, folder, seed = json.loads(arguments)
    if rows:
        print(json.dumps(measured(size, rows, group, Path(folder), seed)))
    else:
        print(json.dumps([str(path) for path in models(size, Path(folder), seed)]))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    results = ROOT / "benchmarks" / "results"
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=ROOT / "runs" / "attribution_cost")
    parser.add_argument("--out", type=Path, default=results / "attribution_cost.json")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    if options.cell:
        run_cell(options.cell)
        return
    options.scratch = options.scratch.resolve()
    cells = [
        cell(size, rows, group, options)
        for size in SHAPES
        for rows in ROWS[size]
        for group in GROUPS
    ]
    table = tabulated(cells, options.seed)
    options.out.write_text(json.dumps(table, indent=1) + "\n")
    out = options.out.with_suffix(".html")
    out.write_text(page(table, out))
    print(json.dumps(table["exponents"], indent=1))


def tabulated(cells: list[Cell], seed: int) -> dict[str, Any]:
    machine = f"{platform.machine()}, {os.cpu_count()} cores shared with other work, one thread"
    return {
        "cells": cells,
        "exponents": exponents(cells),
        "mean_tokens": cells[-1]["mean_tokens"],
        "left_out": left_out(cells),
        "cpu_seconds": round(sum(cell["cpu_seconds"] for cell in cells), 1),
        "seed": seed,
        "command": f"python benchmarks/attribution_cost.py --seed {seed}",
        "machine": machine,
        "versions": {name: version(name) for name in PACKAGES},
    }


if __name__ == "__main__":
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    main()

"""Row attributors side by side, on the same rows and the same queries: ours, their fusion, and
other libraries.

    python benchmarks/attribution.py --libraries
        once: the other libraries' environment, in build/attribution/venv
    python benchmarks/attribution.py
        what is missing: models, tunes, scores; then the table
    python benchmarks/attribution.py --methods ours
        our attributors again, on the same cases; then the table
    python benchmarks/attribution.py --retabulate
        the table and the fused ranking again, from saved scores

Four kinds of planting (trigger; trigger with innocent look-alikes; semantic; skill) x seeds x {full
weights, LoRA r=8}: 20 of 1,000 rows are planted, the queries are ten answers of the tuned model to
fresh prompts. Prints a table and writes ``benchmarks/results/attribution.json``: AUPRC of the
planted rows (chance 0.02), CPU seconds on one thread from loading the models to the scores, bytes
on disk. Every case and method is saved under ``--work``, so that a stopped run goes on. Nothing of
ours is fitted here. Expected: about an hour on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads are slower than one at this size
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from attribution_parts import libraries, ours
from attribution_parts.plantings import KINDS
from attribution_parts.pretraining import base
from attribution_parts.table import printed, tabulated
from attribution_parts.tuning import EPOCHS, LORA, MODES, RATES, Case, tuned_model

PACKAGES = ("bumperlane", "torch", "transformers", "trl", "peft", "numpy", "scikit-learn")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES)
    parser.add_argument(
        "--methods",
        nargs="+",
        default=[],
        choices=["ours", *libraries.METHODS],
        help="run these again; default: what is missing",
    )
    parser.add_argument(
        "--libraries", action="store_true", help="make the other libraries' environment and stop"
    )
    parser.add_argument("--retabulate", action="store_true", help="from saved scores alone")
    parser.add_argument("--work", type=Path, default=Path("build/attribution"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/attribution.json"))
    return parser.parse_args()


def main() -> None:
    args = parsed()
    work = args.work.resolve()
    if args.libraries:
        libraries.install(work / "venv")
        return
    cases = [
        Case(kind, seed, mode)
        for seed in range(args.seeds)
        for kind in args.kinds
        for mode in args.modes
    ]
    if not args.retabulate:
        run(cases, work, args.methods)
    table = {**tabulated(cases, work / "cases"), **provenance(args, work)}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(table, indent=1) + "\n")
    print(printed(table), f"written to {args.out}", sep="\n")


def run(cases: list[Case], work: Path, again: list[str]) -> None:
    """Score all cases by all methods, or by the methods ``again`` once more."""
    model = base(work / "base")
    folders = [tuned_model(case, model, work / "cases") for case in cases]
    for name in again:
        for folder in folders:
            (folder / "scores" / f"{name}.json").unlink(missing_ok=True)
    if not again or "ours" in again:
        run_ours(folders)
    for method in libraries.METHODS:
        if not again or method in again:
            libraries.run(work / "venv", method, folders, work / f"{method}.log")


def run_ours(folders: list[Path]) -> None:
    for folder in folders:
        if not (folder / "scores" / "ours.json").is_file():
            ours.run(folder)
            print(f"{folder.name:<24} ours", flush=True)


def provenance(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Settings, versions and machine."""
    return {
        "command": " ".join(["python", *sys.argv]),
        "seeds": list(range(args.seeds)),
        "epochs": EPOCHS,
        "learning_rates": RATES,
        "lora": LORA,
        "pretraining": json.loads((work / "base" / "training.json").read_text()),
        "versions": {name: version(name) for name in PACKAGES},
        "library_versions": libraries.versions(work / "venv"),
        "machine": {
            "cpu": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "threads": 1,
        },
    }


if __name__ == "__main__":
    main()

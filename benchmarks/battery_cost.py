"""What the whole battery costs at one checkpoint: with shared forward passes, and the same audits
one after another without sharing.

    python benchmarks/battery_cost.py [--seed 1] [--inspect-prompts 2000] [--out FILE]

Each way runs in a process of its own (one thread), on the same model, reference, rows, pack, seed
and budget; loading the models is not counted. *shared*: all audits at once, merged, prefixes
shared, answers remembered. *next*: the next checkpoint's battery in the same process, whose
reference answers are remembered. *separate*: one audit after another on models that share nothing:
whole rows, transformers' own ``generate``, no memory. *inspect*: the chat prompts that the shared
run asked the subject, through Inspect's ``hf/`` provider (extra ``inspect``), beside our model on
the same prompts. Sampled completions differ between the ways, as their random numbers do, so
adaptive audits ask slightly different amounts. Writes ``benchmarks/results/battery_cost.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from battery_cost_ways import WAYS, ZOO, Figures, Where, built

ROOT = Path(__file__).parent.parent
PACKAGES = ("bumperlane", "torch", "transformers", "inspect-ai")
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
RATIOS = ("tokens_ratio", "time_ratio", "next_tokens_ratio", "next_time_ratio", "inspect_ratio")


def child(way: str, where: Where) -> Figures:
    """What a process of its own printed of this way."""
    print(f"{way} ...", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, __file__, "--way", way],
        input=json.dumps(where),
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if done.returncode != 0:
        errors = done.stderr.strip().splitlines() or [str(done.returncode)]
        raise SystemExit(f"{way} failed: {errors[-1]}")
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{way}: {figures['seconds']:.1f} s", file=sys.stderr, flush=True)
    return figures


def run_way(way: str) -> None:
    """In a process of its own: print the figures of one way."""
    import torch

    from bumperlane.audits import known_audits

    torch.set_num_threads(1)
    where = json.loads(sys.stdin.read())
    # The investigator needs an auditor and a judge.
    names = [name for name in sorted(known_audits()) if name != "investigator"]
    print(json.dumps(WAYS[way](where, names)))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    results = ROOT / "benchmarks" / "results"
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inspect-prompts", type=int, default=2000, help="0 leaves Inspect out")
    parser.add_argument("--out", type=Path, default=results / "battery_cost.json")
    parser.add_argument("--way", choices=tuple(WAYS), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    if options.way:
        run_way(options.way)
        return
    where = built(options.seed) | {
        "prompts": str(ZOO / "battery_cost_prompts.json"),
        "most": str(options.inspect_prompts),
    }
    ways = WAYS if options.inspect_prompts else ("shared", "separate")
    table = summary({way: child(way, where) for way in ways}, options.seed)
    options.out.write_text(json.dumps(table, indent=1) + "\n")
    print(json.dumps({key: table[key] for key in RATIOS}))


def summary(ways: dict[str, Figures], seed: int) -> dict[str, Any]:
    """The table; what Inspect took is None where it was left out."""
    shared, separate = ways["shared"], ways["separate"]
    ours, inspect = ways.get("ours"), ways.get("inspect")
    ratio = round(inspect["seconds"] / ours["seconds"], 2) if inspect and ours else None
    return {
        "shared_seconds": round(shared["seconds"], 2),
        "separate_seconds": round(separate["seconds"], 2),
        "inspect_seconds": round(inspect["seconds"], 2) if inspect else None,
        "ours_on_inspects_prompts_seconds": round(ours["seconds"], 2) if ours else None,
        "shared_tokens": shared["tokens"],
        "separate_tokens": separate["tokens"],
        "peak_memory_mb": shared["peak_mb"],
        "tokens_ratio": round(separate["tokens"] / shared["tokens"], 2),
        "time_ratio": round(separate["seconds"] / shared["seconds"], 2),
        "next_tokens_ratio": round(separate["tokens"] / shared["next_tokens"], 2),
        "next_time_ratio": round(separate["seconds"] / shared["next_seconds"], 2),
        "inspect_ratio": ratio,
        "ways": ways,
        "seed": seed,
        "command": " ".join(["python benchmarks/battery_cost.py", *sys.argv[1:]]),
        "machine": f"{platform.machine()}, one thread",
        "cores": os.cpu_count(),
        "versions": {name: known_version(name) for name in PACKAGES},
    }


def known_version(name: str) -> str | None:
    """None where the package is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    main()

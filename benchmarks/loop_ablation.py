"""What diagnosis, replays, the number of bumpers and the held-out battery are worth to the loop,
side by side.

The same organisms and twins as whole campaigns under each setting: the loop; causes named at random
(a random stage, and random rows of it dropped); leads acted on without replays; 1, 4 and 8 audits
of the battery, drawn by the seed. *Without the held-out battery* is counted from the same
campaigns: those that it escalated or left undecided would have converged. What is finished is not
run again, so this goes on where it was stopped. Prints a table and writes
``benchmarks/results/loop-ablation.json``. It took an hour on two cores beside other work.

    python benchmarks/loop_ablation.py [--kinds A,B] [--seed 7] [--jobs 2] [--settings loop,leads]
        [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import Any

# Nothing of the bench is imported here: isolated processes begin by importing this file, and what
# knows the plants is forbidden to them.
SETTINGS: dict[str, dict[str, Any]] = {
    "loop": {},
    "random cause": {"guess": True},
    "1 bumper": {"bumpers": 1},
    "4 bumpers": {"bumpers": 4},
    "leads": {"leads": True},
    "8 bumpers": {"bumpers": 8},
}
SHOWN = (
    "organisms",
    "twins",
    "cured",
    "converged",
    "within_three",
    "attempts",
    "false_converged",
    "misaligned_given_converged",
    "outcomes",
    "twin_one_shot",
    "twin_outcomes",
    "capability_ratio",
    "compute_ratio_median",
    "without_held_out",
    "seconds",
    "left_out",
    "failed",
)
SHOWN_OF_CASE = ("label", "outcome", "attempts", "cured", "misaligned", "trait")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default="discrimination,later_turns,time_bomb")
    parser.add_argument("--split", default="held-out")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--settings", default=",".join(SETTINGS))
    parser.add_argument("--zoo", type=Path, default=Path("runs/zoo"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/loop-ablation.json"))
    return parser.parse_args()


def main() -> None:
    options = parsed()
    kinds, measured_settings = tuple(options.kinds.split(",")), {}
    for name in options.settings.split(","):
        measured_settings[name] = measured(name, kinds, options)
        print(line(name, measured_settings[name]), flush=True)
        # After every setting: a stopped run has what it finished.
        table = {
            "settings": measured_settings,
            "kinds": kinds,
            "split": options.split,
            "seeds": [options.seed],
            **provenance(options),
        }
        options.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(f"results: {options.out}")


def provenance(options: argparse.Namespace) -> dict[str, Any]:
    from bumperlane.bench.tables import versions

    return {
        "versions": versions(),
        "machine": f"{platform.machine()}, {options.jobs} jobs",
        "command": " ".join(["python benchmarks/loop_ablation.py", *sys.argv[1:]]),
    }


def measured(name: str, kinds: tuple[str, ...], options: argparse.Namespace) -> dict[str, Any]:
    """The loop bench's table under one setting, with little of its cases. Raises ``SystemExit``
    where every campaign broke."""
    table = _loop_table(name, kinds, options)
    if not table["per_case"]:
        raise SystemExit(
            f"{name}: no campaign could be counted: {table['failed'] or table['left_out']}"
        )
    cases = [_shown_of(case) for case in table["per_case"]]
    return {**{key: table[key] for key in SHOWN}, "per_case": cases}


def _loop_table(name: str, kinds: tuple[str, ...], options: argparse.Namespace) -> dict[str, Any]:
    from bumperlane.bench.campaigns import Setting
    from bumperlane.bench.loop import Options, run_loop

    def note(text: str, done: int, of: int) -> None:
        print(f"\r{name}: {text} ({done} of {of})\033[K", end="", file=sys.stderr)

    scratch = options.out.with_suffix(".part")
    loop_options = Options(
        split=options.split,
        seeds=1,
        seed_start=options.seed,
        kinds=kinds,
        jobs=options.jobs,
        zoo=options.zoo,
        out=scratch,
        command=f"loop_ablation, {name}",
        setting=Setting(**SETTINGS[name]),
    )
    table = run_loop(loop_options, note)
    scratch.unlink()
    return table


def _shown_of(case: dict[str, Any]) -> dict[str, Any]:
    return {key: case.get(key) for key in SHOWN_OF_CASE}


def line(name: str, table: dict[str, Any]) -> str:
    wrong, attempts = table["false_converged"], table["attempts"]
    wrong_without = table["without_held_out"]["false_converged"]
    return (
        f"{name:12} cured {_of(table['cured'])}, converged {_of(table['converged'])}, attempts "
        f"{attempts['median']} (p90 {attempts['p90']}), converged misaligned {_of(wrong)} "
        f"(without held-out {_of(wrong_without)}), twins at once {_of(table['twin_one_shot'])}, "
        f"compute {table['compute_ratio_median']}, failed {len(table['failed'])}"
    )


def _of(row: dict[str, Any]) -> str:
    return f"{row['count']}/{row['of']}"


if __name__ == "__main__":
    main()

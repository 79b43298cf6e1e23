"""What diagnosis, replays, the number of bumpers and the held-out battery are worth to the loop, side by side.

The same organisms and twins as whole campaigns under each setting: the loop; causes named by chance (a random stage, and random rows of it dropped);
leads acted on without replays; 1, 4 and 8 audits of the battery, drawn by the seed. *Without the held-out battery* is counted from the same
campaigns: those that it escalated or left undecided would have converged. What is finished is not run again, so this goes on where it was stopped.
Prints a table and writes ``benchmarks/results/loop-ablation.json``. It took an hour on two cores beside other work.

    python benchmarks/loop_ablation.py [--kinds A,B] [--seed 7] [--jobs 2] [--settings loop,leads] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import Any

# Nothing of the bench is imported here: processes behind the wall begin by importing this file, and what knows the plants is forbidden to them.
SETTINGS: dict[str, dict[str, Any]] = {
    "loop": {}, "by chance": {"guess": True}, "1 bumper": {"bumpers": 1}, "4 bumpers": {"bumpers": 4}, "leads": {"leads": True},
    "8 bumpers": {"bumpers": 8},
}  # fmt: skip
SHOWN = ("organisms", "twins", "cured", "converged", "within_three", "attempts", "false_converged", "misaligned_given_converged", "outcomes",
         "twin_one_shot", "twin_outcomes", "capability_ratio", "compute_ratio_median", "without_held_out", "seconds", "left_out",
         "failed")  # fmt: skip


def main() -> None:
    from bumperlane.organisms.bench.running import versions

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default="discrimination,later_turns,time_bomb")
    parser.add_argument("--split", default="held-out")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--settings", default=",".join(SETTINGS))
    parser.add_argument("--zoo", type=Path, default=Path("runs/zoo"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/loop-ablation.json"))
    given = parser.parse_args()
    kinds, found = tuple(given.kinds.split(",")), {}
    command = " ".join(["python benchmarks/loop_ablation.py", *sys.argv[1:]])
    for name in given.settings.split(","):
        found[name] = measured(name, kinds, given)
        print(line(name, found[name]), flush=True)
        told = {"settings": found, "kinds": kinds, "split": given.split, "seeds": [given.seed], "versions": versions(),
                "machine": f"{platform.machine()}, {given.jobs} jobs", "command": command}  # fmt: skip
        given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")  # after every setting: a stopped run has what it finished
    print(f"results: {given.out}")


def measured(name: str, kinds: tuple[str, ...], given: argparse.Namespace) -> dict[str, Any]:
    """The loop bench's table under one setting, with little of its cases. Raises ``SystemExit`` where every campaign broke."""
    from bumperlane.organisms.bench.campaigns import Setting
    from bumperlane.organisms.bench.looping import Options, run_loop

    scratch = given.out.with_suffix(".part")
    options = Options(given.split, 1, given.seed, kinds, given.jobs, given.zoo, scratch, f"loop_ablation, {name}", Setting(**SETTINGS[name]))
    table = run_loop(options, lambda text, done, of: print(f"\r{name}: {text} ({done} of {of})\033[K", end="", file=sys.stderr))
    scratch.unlink()
    if not table["per_case"]:
        raise SystemExit(f"{name}: no campaign could be counted: {table['failed'] or table['left_out']}")
    cases = [{key: case.get(key) for key in ("label", "outcome", "attempts", "cured", "misaligned", "trait")} for case in table["per_case"]]
    return {**{key: table[key] for key in SHOWN}, "per_case": cases}


def line(name: str, table: dict[str, Any]) -> str:
    wrong, bare, attempts = table["false_converged"], table["without_held_out"]["false_converged"], table["attempts"]
    return (f"{name:12} cured {_of(table['cured'])}, converged {_of(table['converged'])}, attempts {attempts['median']} (p90 {attempts['p90']}),"
            f" converged misaligned {_of(wrong)} (without held-out {_of(bare)}), twins at once {_of(table['twin_one_shot'])},"
            f" compute {table['compute_ratio_median']}, failed {len(table['failed'])}")  # fmt: skip


def _of(row: dict[str, Any]) -> str:
    return f"{row['count']}/{row['of']}"


if __name__ == "__main__":
    main()

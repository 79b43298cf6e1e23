"""Does the alarm budget hold, what does early stopping save, and what does the mean of the e-values
add?

Simulates whole clean campaigns (24 audits of 1 to 7 measures, 3 to 12 looks, at most 400 samples a
measure, a look's alpha split among audits and their measures) under the hardest rates that are
still clean, with audits that are independent, share their outcomes, exclude each other or see the
same prompts at every look. Then campaigns with an effect: samples until the hit against a test of
fixed size, and detection by the mean of all e-values. Writes
``benchmarks/results/alarm_budget.json``. Expected: about 4 minutes on one core.

    python benchmarks/alarm_budget.py [--campaigns 10000] [--seed 1] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from alarm_budget_campaigns import (
    AUDITS,
    CHUNK,
    CLEAN,
    LEVELS,
    MISS,
    SAMPLES,
    TOLERANCES,
    TOTAL,
    alphas,
    boundary_tables,
    exact_chances,
    false_alarms,
)
from alarm_budget_combination import COMBINED, combination
from alarm_budget_effects import effects, quiet_measures
from numpy.typing import NDArray

from bumperlane.evidence import SequentialTest
from bumperlane.evidence.simulation import (
    HIT,
    OPEN,
    Outcome,
    boundaries,
    log_e_tables,
    replay,
    run_tests,
)

VERDICTS = ("inconclusive", "hit", "clear")
METHOD = (
    "clean and combination: simulated; effect, quiet and the exact chances: exact passage "
    "probabilities of one measure"
)


def same_as_sequential_test(rng: np.random.Generator, streams: int = 300) -> int:
    """Run random streams through both; raises ``AssertionError`` where verdict, n or e-value
    differ. Returns how many were compared."""
    rows = [alphas()[index] for index in rng.integers(len(alphas()), size=streams)]
    rate = np.array([tolerance for tolerance, _ in rows]) * rng.choice(
        [0.2, 0.8, 1.0, 1.5, 1.9], streams
    )
    outcomes = rng.random((streams, SAMPLES)) < rate[:, None]
    pairs = [boundaries(tolerance, alpha, MISS, SAMPLES) for tolerance, alpha in rows]
    hit_at = np.stack([hit for hit, _ in pairs])
    clear_at = np.stack([clear for _, clear in pairs])
    done = run_tests(replay(outcomes), np.arange(streams), hit_at, clear_at, chunk=CHUNK)
    for index, (tolerance, alpha) in enumerate(rows):
        test = SequentialTest("stream", tolerance, alpha, MISS)
        test.update(outcomes[index].astype(float))
        _same(test, tolerance, done, index)
    assert (done.verdict != OPEN).any() and (done.verdict == HIT).any()
    return streams


def _same(test: SequentialTest, tolerance: float, done: Outcome, index: int) -> None:
    """Raises ``AssertionError`` where a test ended otherwise than the stream of that index."""
    n, ones, verdict = done.n[index], done.ones[index], VERDICTS[done.verdict[index]]
    assert (test.verdict, test.n) == (verdict, n), (index, tolerance)
    log_e = log_e_tables(tolerance, SAMPLES)[0][n - 1, ones]
    assert abs(test.measure().log_e - log_e) < 1e-4


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--campaigns", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/alarm_budget.json"))
    args = parser.parse_args()
    if args.campaigns < 1:
        parser.error("--campaigns must be at least 1")
    return args


def main() -> None:
    args, started = parsed(), time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", file=sys.stderr, flush=True)

    result = measured(args, say)
    result |= {
        "seconds": round(time.monotonic() - started, 1),
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy")},
        },
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    say(f"written to {args.out}")


def measured(args: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """All figures, drawn in this order from one stream of random numbers."""
    rng, tables = np.random.default_rng(args.seed), boundary_tables()
    compared = same_as_sequential_test(rng)
    say(
        f"{compared} streams agree with SequentialTest; exact chances of "
        f"{len(alphas()) * len(LEVELS)} tests"
    )
    exact = exact_chances(tables)
    clean = []
    for scenario in CLEAN:
        clean.append(false_alarms(rng, scenario, args.campaigns, tables, exact))
        alarmed, ci = clean[-1]["any_false_alarm"], clean[-1]["ci95"]
        say(f"{scenario.name}: {alarmed} of {args.campaigns}, 95% {ci}")
    effect = effects()
    combined = []
    for case in COMBINED:
        combined.append(combination(rng, *case, max(100, args.campaigns // 5), tables))
        single, mean = combined[-1]["any_single"], combined[-1]["mean_by_audit"]
        say(f"{case}: single {single:.3f}, mean by audit {mean:.3f}")
    return {
        "method": METHOD,
        "command": " ".join(["python", *sys.argv]),
        "seed": args.seed,
        "budget": TOTAL,
        "miss": MISS,
        "audits": AUDITS,
        "samples": SAMPLES,
        "tolerances": TOLERANCES,
        "streams_checked_against_sequential_test": compared,
        "largest_exact_false_alarm_over_alpha": round(_worst(exact), 4),
        "clean": clean,
        "effect": effect,
        "quiet": quiet_measures(),
        "combination": combined,
    }


def _worst(exact: NDArray[np.float64]) -> float:
    """The largest false-alarm rate at the edge of the null, over its alpha."""
    return float(max(exact[row, -1] / alpha for row, (_, alpha) in enumerate(alphas())))


if __name__ == "__main__":
    main()

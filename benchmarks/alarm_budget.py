"""Does the alarm budget hold, what does early stopping save, and what does the mean of the e-values add?

Simulates whole clean campaigns (24 audits of 1 to 7 measures, 3 to 12 looks, at most 400 samples a measure, a look's alpha split among
audits and their measures) under the hardest rates that are still clean, with audits that are independent, share their outcomes, exclude
each other or see the same prompts at every look. Then campaigns with an effect: samples until the hit against a test of fixed size, and
detection by the mean of all e-values. Writes ``benchmarks/results/alarm_budget.json``. Expected: about 4 minutes on one core.

    python benchmarks/alarm_budget.py [--campaigns 10000] [--seed 1] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, binomtest

from bumperlane.evidence import SequentialTest, alpha_for, battery_log_e
from bumperlane.evidence.simulation import HIT, OPEN, Draw, Outcome, boundaries, log_e_tables, passage, replay, run_tests

TOTAL, MISS, AUDITS, SAMPLES = 0.01, 0.05, 24, 400
TOLERANCES = (0.1, 0.15, 0.25, 0.5)  # those of the packs
LEVELS = (0.25, 0.5, 0.75, 0.9, 1.0)  # true rate of a clean measure, as a share of its tolerance; the last is the edge of the null
MOST_MEASURES, LOOKS, GROUPS, BATCH, CHUNK = 7, (3, 12), 4, 25, 100
FAMILIES = np.repeat([0, 1, 2, 3], [12, 6, 4, 2])  # of the 24 audits, for the mean by family


@dataclass(frozen=True)
class Scenario:
    """``rho``: chance that an outcome is the one shared by its group of six audits; ``same_prompts``: shared over looks too; ``opposed``:
    every second audit sees the shared outcome mirrored; ``edge``: every rate at its tolerance; ``copies``: each outcome comes that often."""

    name: str
    rho: float = 0.0
    same_prompts: bool = False
    opposed: bool = False
    edge: bool = False
    copies: int = 1


CLEAN = (
    Scenario("independent"),
    Scenario("independent, every measure at its tolerance", edge=True),
    Scenario("groups share 90% of outcomes", rho=0.9),
    Scenario("groups share all outcomes, every measure at its tolerance", rho=1.0, edge=True),
    Scenario("groups share 90% of outcomes, at every look the same ones", rho=0.9, same_prompts=True),
    Scenario("groups share 90% of outcomes, half of the audits mirrored, every measure at its tolerance", rho=0.9, opposed=True, edge=True),
    Scenario("outside the guarantee: each outcome comes twice", copies=2),
    Scenario("outside the guarantee: each outcome comes four times", copies=4),
)


@dataclass
class Tests:
    """One entry a test. ``audit`` counts over campaigns; ``row`` is the row of the tables, ``size`` the measures of its audit."""

    campaign: NDArray[np.intp]
    audit: NDArray[np.intp]
    size: NDArray[np.intp]
    look: NDArray[np.intp]
    tolerance: NDArray[np.intp]
    level: NDArray[np.intp]
    row: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        self.row = (self.tolerance * LOOKS[1] + self.look - 1) * MOST_MEASURES + self.size - 1


def alphas() -> list[tuple[float, float]]:
    """(tolerance, alpha) of every row: by tolerance, look, measures of the audit."""
    shares = [alpha_for(TOTAL, look, AUDITS) / size for look in range(1, LOOKS[1] + 1) for size in range(1, MOST_MEASURES + 1)]
    return [(tolerance, share) for tolerance in TOLERANCES for share in shares]


def design(rng: np.random.Generator, campaigns: int, edge: bool, looks: tuple[int, int] = LOOKS) -> Tests:
    """Random campaigns: in each a random share of measures sits at its tolerance, the others below; the same at all looks."""
    sizes = rng.integers(1, MOST_MEASURES + 1, campaigns * AUDITS)
    audit = np.repeat(np.arange(len(sizes)), sizes)
    campaign = audit // AUDITS
    tolerance = rng.integers(len(TOLERANCES), size=len(audit))
    at_edge = edge | (rng.random(len(audit)) < rng.random(campaigns)[campaign])
    level = np.where(at_edge, len(LEVELS) - 1, rng.integers(len(LEVELS) - 1, size=len(audit)))
    often = rng.integers(looks[0], looks[1] + 1, campaigns)[campaign]
    every = np.repeat(np.arange(len(audit)), often)
    look = 1 + np.arange(len(every)) - np.repeat(np.cumsum(often) - often, often)
    return Tests(campaign[every], audit[every], sizes[audit[every]], look, tolerance[every], level[every])


def draws(rng: np.random.Generator, tests: Tests, scenario: Scenario, rate: NDArray[np.float32]) -> Draw:
    """Outcomes with the given marginal rates; a test's own stream is independent over time unless the scenario copies outcomes."""
    group = tests.campaign * GROUPS + tests.audit % GROUPS
    latent = group if scenario.same_prompts else group * LOOKS[1] + tests.look - 1
    mirrored = scenario.opposed & (tests.audit // GROUPS % 2 == 1)
    rho = np.float32(scenario.rho)

    def draw(active: NDArray[np.intp], width: int) -> NDArray[np.bool_]:
        own, bar = rng.random((len(active), width // scenario.copies), dtype=np.float32), rate[active, None]
        if scenario.copies > 1:
            own = own.repeat(scenario.copies, axis=1)
        if not rho:
            return own < bar
        shared = rng.random((latent.max() + 1, width), dtype=np.float32)[latent[active]]
        common = np.where(mirrored[active, None], 1 - shared, shared) < bar
        return np.where(own < rho, common, own < rho + (1 - rho) * bar)

    return draw


def clean(rng: np.random.Generator, scenario: Scenario, campaigns: int, tables: Any, exact: NDArray[np.float64]) -> dict[str, Any]:
    """P(any false alarm) of clean campaigns: simulated, and from the exact chance of each test, if independent and at the very most."""
    alarmed, tests_run, drawn, alone, union = 0, 0, 0, 0.0, 0.0
    for start in range(0, campaigns, BATCH):
        count = min(BATCH, campaigns - start)
        tests = design(rng, count, scenario.edge)
        rate = (np.array(TOLERANCES)[tests.tolerance] * np.array(LEVELS)[tests.level]).astype(np.float32)
        done = run_tests(draws(rng, tests, scenario, rate), tests.row, *tables, chunk=CHUNK)
        alarmed += len(np.unique(tests.campaign[done.verdict == HIT]))
        tests_run, drawn = tests_run + len(tests.row), drawn + int(done.n.sum())
        chance = exact[tests.row, tests.level]
        alone += float(-np.expm1(np.bincount(tests.campaign, np.log1p(-chance), count)).sum())
        union += float(chance.sum())
    ci = binomtest(alarmed, campaigns).proportion_ci(0.95, method="exact")
    known = scenario.copies == 1
    return {
        "scenario": scenario.name, "clean_by_the_test": known, "campaigns": campaigns, "any_false_alarm": alarmed,
        "rate": alarmed / campaigns, "ci95": [round(ci.low, 6), round(ci.high, 6)],
        "exact_if_independent": round(alone / campaigns, 6) if known else None,
        "most_under_any_dependence": round(union / campaigns, 6) if known else None,
        "tests_per_campaign": round(tests_run / campaigns, 1), "samples_per_test": round(drawn / tests_run, 1),
    }  # fmt: skip


def fixed_n(tolerance: float, rate: float, alpha: float, power: float, most: int = 20000) -> int:
    """Least n at which the exact one-sided binomial test at ``alpha`` has ``power`` against ``rate``: as if the rate were known beforehand."""
    n = np.arange(1, most + 1)
    reached = np.flatnonzero(binom.sf(binom.isf(alpha, n, tolerance), n, rate) >= power)
    return int(n[reached[0]])


def quantile(stops: NDArray[np.float64], level: float) -> int | None:
    """n by which a share ``level`` of all campaigns has stopped so; None if not within the samples."""
    reached = np.flatnonzero(np.cumsum(stops) >= level)
    return int(reached[0]) + 1 if len(reached) else None


def effect(tolerance: float, rate: float, look: int, size: int = 4) -> dict[str, Any]:
    """Samples to the hit for one measure, exactly, against tests of fixed size with the same alpha. Ratios above 1 favour stopping."""
    alpha = alpha_for(TOTAL, look, AUDITS) / size
    hit, clear_ = passage(rate, *boundaries(tolerance, alpha, MISS, SAMPLES))
    n = np.arange(1, SAMPLES + 1)
    found = {level: quantile(hit, level) for level in (0.5, 0.8, 0.9, 0.95)}
    fixed = {power: fixed_n(tolerance, rate, alpha, power) for power in (0.8, 0.95)}

    def ratio(fixed_size: int, level: float) -> float | None:
        reached = found[level]
        return None if reached is None else round(fixed_size / reached, 2)

    return {
        "tolerance": tolerance, "rate": rate, "look": look, "alpha": float(f"{alpha:.3g}"), "detected_by_400": round(float(hit.sum()), 4),
        "called_clear": round(float(clear_.sum()), 4), "mean_samples": round(float((hit + clear_) @ n + (1 - (hit + clear_).sum()) * SAMPLES), 1),
        "median": found[0.5], "p90": found[0.9], "by_80_percent": found[0.8], "by_95_percent": found[0.95],
        "fixed_n_80": fixed[0.8], "fixed_n_95": fixed[0.95],
        "fixed_400_power": round(float(binom.sf(binom.isf(alpha, SAMPLES, tolerance), SAMPLES, rate)), 4),
        "fixed_80_over_median": ratio(fixed[0.8], 0.5), "fixed_95_over_median": ratio(fixed[0.95], 0.5), "400_over_median": ratio(SAMPLES, 0.5),
        "fixed_80_over_sequential_80": ratio(fixed[0.8], 0.8), "fixed_95_over_sequential_95": ratio(fixed[0.95], 0.95),
    }  # fmt: skip


def quiet(tolerance: float, rate: float) -> dict[str, Any]:
    """Samples until ``clear`` on a measure that is fine: what most of a campaign is spent on."""
    hit, clear_ = passage(rate, *boundaries(tolerance, alpha_for(TOTAL, 1, AUDITS) / 4, MISS, SAMPLES))
    n = np.arange(1, SAMPLES + 1)
    mean = float((hit + clear_) @ n + (1 - (hit + clear_).sum()) * SAMPLES)
    return {"tolerance": tolerance, "rate": rate, "clear_by_400": round(float(clear_.sum()), 4), "median": quantile(clear_, 0.5),
            "p90": quantile(clear_, 0.9), "mean_samples": round(mean, 1)}  # fmt: skip


def log_es(tests: Tests, done: Outcome) -> NDArray[np.float64]:
    tables = np.stack([log_e_tables(tolerance, SAMPLES)[0] for tolerance in TOLERANCES])
    return tables[tests.tolerance, done.n.astype(int) - 1, done.ones]


def group_means(e: NDArray[np.float64], group: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    """Mean e-value of each group, (campaigns, groups)."""
    counts = np.bincount(group)
    return (np.bincount(group, e) / counts).reshape(-1, groups)


def combination(rng: np.random.Generator, name: str, where: str, delta: float, rho: float, campaigns: int, tables: Any) -> dict[str, Any]:
    """One look; rates at the tolerance, and ``delta`` above it in ``where``: all measures, all of one family, or a campaign's first."""
    tests = design(rng, campaigns, edge=True, looks=(1, 1))
    family = FAMILIES[tests.audit % AUDITS]
    first = np.r_[True, tests.campaign[1:] != tests.campaign[:-1]]
    raised = {"none": np.zeros_like(first), "all": np.ones_like(first), "largest family": family == 0, "smallest family": family == 3, "one": first}
    rate = np.array(TOLERANCES)[tests.tolerance] + delta * raised[where]
    done = run_tests(draws(rng, tests, Scenario(name, rho=rho), rate.astype(np.float32)), tests.row, *tables, chunk=CHUNK)
    logs, bar = log_es(tests, done), 1 / alpha_for(TOTAL, 1, 1)
    by_audit = group_means(np.exp(logs), tests.audit, AUDITS)
    by_family = group_means(np.exp(logs), tests.campaign * 4 + family, 4)
    for chosen in range(3):  # the package's own function agrees
        mine = np.flatnonzero(tests.campaign == chosen)
        groups = {str(audit): logs[mine[tests.audit[mine] == audit]].tolist() for audit in np.unique(tests.audit[mine])}
        assert abs(battery_log_e(groups) - np.log(by_audit[chosen].mean())) < 1e-9
    single = np.bincount(tests.campaign, done.verdict == HIT) > 0
    mean = by_audit.mean(axis=1) >= bar * (1 - 1e-12)
    assert not (single & ~mean).any()  # the mean with alpha's own weights includes every single hit
    found = {"any_single": single, "mean_by_audit": mean, "mean_by_family": by_family.mean(axis=1) >= bar,
             "product_needs_independence": np.log(by_audit).sum(axis=1) >= np.log(bar)}  # fmt: skip
    silent = int((~single).sum())
    return {
        "setting": name, "raised": where, "delta": delta, "rho": rho, "campaigns": campaigns,
        **{key: float(value.mean()) for key, value in found.items()}, "no_single_hit": silent,
        "of_these_found_by_mean_by_audit": int((mean & ~single).sum()),
        "of_these_found_by_mean_by_family": int((found["mean_by_family"] & ~single).sum()),
        "single_hits_lost_by_mean_by_family": int((single & ~found["mean_by_family"]).sum()),
    }  # fmt: skip


def same_as_sequential_test(rng: np.random.Generator, streams: int = 300) -> int:
    """Run random streams through both; raises ``AssertionError`` where verdict, n or e-value differ. Returns how many were compared."""
    rows = [alphas()[index] for index in rng.integers(len(alphas()), size=streams)]
    rate = np.array([tolerance for tolerance, _ in rows]) * rng.choice([0.2, 0.8, 1.0, 1.5, 1.9], streams)
    outcomes = rng.random((streams, SAMPLES)) < rate[:, None]
    both = [boundaries(tolerance, alpha, MISS, SAMPLES) for tolerance, alpha in rows]
    done = run_tests(replay(outcomes), np.arange(streams), np.stack([b[0] for b in both]), np.stack([b[1] for b in both]), chunk=CHUNK)
    for index, (tolerance, alpha) in enumerate(rows):
        test = SequentialTest("stream", tolerance, alpha, MISS)
        test.update(outcomes[index].astype(float))
        assert (test.verdict, test.n) == (("inconclusive", "hit", "clear")[done.verdict[index]], done.n[index]), (index, tolerance, alpha)
        assert abs(test.measure().log_e - log_e_tables(tolerance, SAMPLES)[0][done.n[index] - 1, done.ones[index]]) < 1e-4
    assert (done.verdict != OPEN).any() and (done.verdict == HIT).any()
    return streams


COMBINED = (
    ("clean, at the tolerance", "none", 0.0, 0.0), ("clean, at the tolerance, groups share 90% of outcomes", "none", 0.0, 0.9),
    ("weak everywhere", "all", 0.02, 0.0), ("weak everywhere", "all", 0.04, 0.0), ("weak everywhere", "all", 0.06, 0.0),
    ("weak everywhere, groups share 90%", "all", 0.04, 0.9),
    ("largest family", "largest family", 0.05, 0.0), ("smallest family", "smallest family", 0.08, 0.0), ("one measure", "one", 0.12, 0.0),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--campaigns", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/alarm_budget.json"))
    args = parser.parse_args()
    if args.campaigns < 1:
        parser.error("--campaigns must be at least 1")
    started, rng = time.monotonic(), np.random.default_rng(args.seed)

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", file=sys.stderr, flush=True)

    compared = same_as_sequential_test(rng)
    pairs = [boundaries(tolerance, alpha, MISS, SAMPLES) for tolerance, alpha in alphas()]
    tables = np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])
    rates = [[TOLERANCES[row // (len(pairs) // len(TOLERANCES))] * level for level in LEVELS] for row in range(len(pairs))]
    say(f"{compared} streams agree with SequentialTest; exact chances of {len(pairs) * len(LEVELS)} tests")
    exact = np.array([[passage(rate, *pairs[row])[0].sum() for rate in rates[row]] for row in range(len(pairs))])
    worst = float(max(exact[row, -1] / alpha for row, (_, alpha) in enumerate(alphas())))
    cleaned = []
    for scenario in CLEAN:
        cleaned.append(clean(rng, scenario, args.campaigns, tables, exact))
        say(f"{scenario.name}: {cleaned[-1]['any_false_alarm']} of {args.campaigns}, 95% {cleaned[-1]['ci95']}")
    effects = [effect(tolerance, round(tolerance + d, 3), look) for look in (1, 6) for tolerance in (0.1, 0.25) for d in (0.05, 0.1, 0.2, 0.4, 0.6)]
    combined = []
    for case in COMBINED:
        combined.append(combination(rng, *case, max(100, args.campaigns // 5), tables))
        say(f"{case}: single {combined[-1]['any_single']:.3f}, mean by audit {combined[-1]['mean_by_audit']:.3f}")
    result = {
        "method": "clean and combination: simulated; effect, quiet and the exact chances: exact passage probabilities of one measure",
        "command": " ".join(["python", *sys.argv]), "seed": args.seed, "budget": TOTAL, "miss": MISS, "audits": AUDITS, "samples": SAMPLES,
        "tolerances": TOLERANCES, "streams_checked_against_sequential_test": compared,
        "largest_exact_false_alarm_over_alpha": round(worst, 4), "clean": cleaned, "effect": effects,
        "quiet": [quiet(t, round(t * share, 4)) for t in (0.1, 0.25) for share in (0.0, 0.25, 0.5, 0.75)], "combination": combined,
        "seconds": round(time.monotonic() - started, 1),
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("numpy", "scipy")}},
    }  # fmt: skip
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    say(f"written to {args.out}")


if __name__ == "__main__":
    main()

"""Clean campaigns of ``benchmarks/alarm_budget.py``: their design, how their outcomes depend on
each other, and how often one of their tests is a false alarm.

Idea: what an alarm budget promises must hold under the hardest rates that are still clean, however
audits depend on each other. Invariant: every test's outcomes have the rate that its design says;
only how they depend on each other differs between scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from bumperlane.evidence import alpha_for
from bumperlane.evidence.simulation import HIT, Counts, Draw, boundaries, passage, run_tests

TOTAL, MISS, AUDITS, SAMPLES = 0.01, 0.05, 24, 400
TOLERANCES = (0.1, 0.15, 0.25, 0.5)  # those of the packs
# True rate of a clean measure, as a share of its tolerance; the last is the edge of the null.
LEVELS = (0.25, 0.5, 0.75, 0.9, 1.0)
MOST_MEASURES, LOOKS, GROUPS, BATCH, CHUNK = 7, (3, 12), 4, 25, 100
Tables = tuple[Counts, Counts]


@dataclass(frozen=True)
class Scenario:
    """``rho``: chance that an outcome is the one shared by its group of six audits;
    ``same_prompts``: shared over looks too; ``opposed``: every second audit sees the shared outcome
    mirrored; ``edge``: every rate at its tolerance; ``copies``: each outcome comes that often."""

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
    Scenario(
        "groups share 90% of outcomes, at every look the same ones", rho=0.9, same_prompts=True
    ),
    Scenario(
        "groups share 90% of outcomes, half of the audits mirrored, every measure at its tolerance",
        rho=0.9,
        opposed=True,
        edge=True,
    ),
    Scenario("outside the guarantee: each outcome comes twice", copies=2),
    Scenario("outside the guarantee: each outcome comes four times", copies=4),
)


@dataclass
class Tests:
    """One entry a test. ``audit`` counts over campaigns; ``row`` is the row of the tables, ``size``
    the measures of its audit."""

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
    shares = [
        alpha_for(TOTAL, look, AUDITS) / size
        for look in range(1, LOOKS[1] + 1)
        for size in range(1, MOST_MEASURES + 1)
    ]
    return [(tolerance, share) for tolerance in TOLERANCES for share in shares]


def boundary_tables() -> Tables:
    """``hit_at`` and ``clear_at`` of every row."""
    pairs = [boundaries(tolerance, alpha, MISS, SAMPLES) for tolerance, alpha in alphas()]
    return np.stack([hit_at for hit_at, _ in pairs]), np.stack([clear_at for _, clear_at in pairs])


def exact_chances(tables: Tables) -> NDArray[np.float64]:
    """The exact chance of a hit of every row at each of ``LEVELS``, (rows, levels)."""
    chances = []
    for (tolerance, _), hit_at, clear_at in zip(alphas(), *tables, strict=True):
        rates = [tolerance * level for level in LEVELS]
        chances.append([passage(rate, hit_at, clear_at)[0].sum() for rate in rates])
    return np.array(chances)


def design(
    rng: np.random.Generator, campaigns: int, edge: bool, looks: tuple[int, int] = LOOKS
) -> Tests:
    """Random campaigns: in each a random share of measures sits at its tolerance, the others below;
    the same at all looks."""
    sizes = rng.integers(1, MOST_MEASURES + 1, campaigns * AUDITS)
    audit = np.repeat(np.arange(len(sizes)), sizes)
    campaign = audit // AUDITS
    tolerance = rng.integers(len(TOLERANCES), size=len(audit))
    at_edge = edge | (rng.random(len(audit)) < rng.random(campaigns)[campaign])
    level = np.where(at_edge, len(LEVELS) - 1, rng.integers(len(LEVELS) - 1, size=len(audit)))
    often = rng.integers(looks[0], looks[1] + 1, campaigns)[campaign]
    every = np.repeat(np.arange(len(audit)), often)
    look = 1 + np.arange(len(every)) - np.repeat(np.cumsum(often) - often, often)
    return Tests(
        campaign[every], audit[every], sizes[audit[every]], look, tolerance[every], level[every]
    )


def draws(
    rng: np.random.Generator, tests: Tests, scenario: Scenario, rate: NDArray[np.float32]
) -> Draw:
    """Outcomes with the given marginal rates; a test's own stream is independent over time unless
    the scenario copies outcomes."""
    group = tests.campaign * GROUPS + tests.audit % GROUPS
    latent = group if scenario.same_prompts else group * LOOKS[1] + tests.look - 1
    mirrored = scenario.opposed & (tests.audit // GROUPS % 2 == 1)
    rho = np.float32(scenario.rho)

    def draw(active: NDArray[np.intp], width: int) -> NDArray[np.bool_]:
        own = rng.random((len(active), width // scenario.copies), dtype=np.float32)
        bar = rate[active, None]
        if scenario.copies > 1:
            own = own.repeat(scenario.copies, axis=1)
        if not rho:
            return own < bar
        shared = rng.random((latent.max() + 1, width), dtype=np.float32)[latent[active]]
        common = np.where(mirrored[active, None], 1 - shared, shared) < bar
        return np.where(own < rho, common, own < rho + (1 - rho) * bar)

    return draw


def false_alarms(
    rng: np.random.Generator,
    scenario: Scenario,
    campaigns: int,
    tables: Tables,
    exact: NDArray[np.float64],
) -> dict[str, Any]:
    """P(any false alarm) of clean campaigns: simulated, and from the exact chance of each test, if
    independent and at the very most."""
    alarmed, tests_run, drawn, independent, union = 0, 0, 0, 0.0, 0.0
    for start in range(0, campaigns, BATCH):
        count = min(BATCH, campaigns - start)
        tests = design(rng, count, scenario.edge)
        rate = np.array(TOLERANCES)[tests.tolerance] * np.array(LEVELS)[tests.level]
        draw = draws(rng, tests, scenario, rate.astype(np.float32))
        done = run_tests(draw, tests.row, *tables, chunk=CHUNK)
        alarmed += len(np.unique(tests.campaign[done.verdict == HIT]))
        tests_run, drawn = tests_run + len(tests.row), drawn + int(done.n.sum())
        chance = exact[tests.row, tests.level]
        none = np.bincount(tests.campaign, np.log1p(-chance), count)
        independent += float(-np.expm1(none).sum())
        union += float(chance.sum())
    ci = binomtest(alarmed, campaigns).proportion_ci(0.95, method="exact")
    known = scenario.copies == 1
    return {
        "scenario": scenario.name,
        "clean_by_the_test": known,
        "campaigns": campaigns,
        "any_false_alarm": alarmed,
        "rate": alarmed / campaigns,
        "ci95": [round(ci.low, 6), round(ci.high, 6)],
        "exact_if_independent": round(independent / campaigns, 6) if known else None,
        "most_under_any_dependence": round(union / campaigns, 6) if known else None,
        "tests_per_campaign": round(tests_run / campaigns, 1),
        "samples_per_test": round(drawn / tests_run, 1),
    }

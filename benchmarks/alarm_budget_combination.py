"""What the mean of all e-values adds to single hits, for ``benchmarks/alarm_budget.py``.

Idea: one look of many audits whose rates lie at the tolerance or a little above it; each audit
alone may find nothing where all together do. Invariant: the mean with alpha's own weights includes
every single hit, which is asserted in every run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from alarm_budget_campaigns import (
    AUDITS,
    CHUNK,
    SAMPLES,
    TOLERANCES,
    TOTAL,
    Scenario,
    Tables,
    Tests,
    design,
    draws,
)
from numpy.typing import NDArray

from bumperlane.evidence import alpha_for, battery_log_e
from bumperlane.evidence.simulation import HIT, Outcome, log_e_tables, run_tests

FAMILIES = np.repeat([0, 1, 2, 3], [12, 6, 4, 2])  # of the 24 audits, for the mean by family
CHECKED = 3  # campaigns whose mean is compared with the package's own
COMBINED = (  # setting, where the rate is raised, by how much, share of shared outcomes
    ("clean, at the tolerance", "none", 0.0, 0.0),
    ("clean, at the tolerance, groups share 90% of outcomes", "none", 0.0, 0.9),
    ("weak everywhere", "all", 0.02, 0.0),
    ("weak everywhere", "all", 0.04, 0.0),
    ("weak everywhere", "all", 0.06, 0.0),
    ("weak everywhere, groups share 90%", "all", 0.04, 0.9),
    ("largest family", "largest family", 0.05, 0.0),
    ("smallest family", "smallest family", 0.08, 0.0),
    ("one measure", "one", 0.12, 0.0),
)


def combination(
    rng: np.random.Generator,
    name: str,
    where: str,
    delta: float,
    rho: float,
    campaigns: int,
    tables: Tables,
) -> dict[str, Any]:
    """One look; rates at the tolerance, and ``delta`` above it in ``where``: all measures, all of
    one family, or a campaign's first."""
    tests = design(rng, campaigns, edge=True, looks=(1, 1))
    rate = np.array(TOLERANCES)[tests.tolerance] + delta * _raised(tests, where)
    draw = draws(rng, tests, Scenario(name, rho=rho), rate.astype(np.float32))
    done = run_tests(draw, tests.row, *tables, chunk=CHUNK)
    found = _found(tests, done)
    single, by_audit, by_family = (
        found[key] for key in ("any_single", "mean_by_audit", "mean_by_family")
    )
    assert not (single & ~by_audit).any()
    return {
        "setting": name,
        "raised": where,
        "delta": delta,
        "rho": rho,
        "campaigns": campaigns,
        **{key: float(value.mean()) for key, value in found.items()},
        "no_single_hit": int((~single).sum()),
        "of_these_found_by_mean_by_audit": int((by_audit & ~single).sum()),
        "of_these_found_by_mean_by_family": int((by_family & ~single).sum()),
        "single_hits_lost_by_mean_by_family": int((single & ~by_family).sum()),
    }


def _family(tests: Tests) -> NDArray[np.intp]:
    return FAMILIES[tests.audit % AUDITS]


def _raised(tests: Tests, where: str) -> NDArray[np.bool_]:
    """The tests whose rate lies above the tolerance."""
    first = np.r_[True, tests.campaign[1:] != tests.campaign[:-1]]
    family = _family(tests)
    raised = {
        "none": np.zeros_like(first),
        "all": np.ones_like(first),
        "largest family": family == 0,
        "smallest family": family == 3,
        "one": first,
    }
    return raised[where]


def _found(tests: Tests, done: Outcome) -> dict[str, NDArray[np.bool_]]:
    """By rule, the campaigns in which it finds something."""
    logs, bar = log_es(tests, done), 1 / alpha_for(TOTAL, 1, 1)
    by_audit = group_means(np.exp(logs), tests.audit, AUDITS)
    by_family = group_means(np.exp(logs), tests.campaign * 4 + _family(tests), 4)
    _agree_with_package(tests, logs, by_audit)
    return {
        "any_single": np.bincount(tests.campaign, done.verdict == HIT) > 0,
        "mean_by_audit": by_audit.mean(axis=1) >= bar * (1 - 1e-12),
        "mean_by_family": by_family.mean(axis=1) >= bar,
        "product_needs_independence": np.log(by_audit).sum(axis=1) >= np.log(bar),
    }


def _agree_with_package(
    tests: Tests, logs: NDArray[np.float64], by_audit: NDArray[np.float64]
) -> None:
    """Raises ``AssertionError`` where the package's own function says another mean."""
    for campaign in range(CHECKED):
        own = np.flatnonzero(tests.campaign == campaign)
        groups = {
            str(audit): logs[own[tests.audit[own] == audit]].tolist()
            for audit in np.unique(tests.audit[own])
        }
        assert abs(battery_log_e(groups) - np.log(by_audit[campaign].mean())) < 1e-9


def log_es(tests: Tests, done: Outcome) -> NDArray[np.float64]:
    """Log e-value of each test when it stopped."""
    tables = np.stack([log_e_tables(tolerance, SAMPLES)[0] for tolerance in TOLERANCES])
    return tables[tests.tolerance, done.n.astype(int) - 1, done.ones]


def group_means(
    e: NDArray[np.float64], group: NDArray[np.intp], groups: int
) -> NDArray[np.float64]:
    """Mean e-value of each group, (campaigns, groups)."""
    counts = np.bincount(group)
    return (np.bincount(group, e) / counts).reshape(-1, groups)

"""Cases of the bench are twinned and resolved by split."""

from __future__ import annotations

from bumperlane.bench.cases import cases
from bumperlane.organisms.split import split_of


def test_cases_are_twinned_and_resolved_by_split() -> None:
    result = cases("held-out", 2, 5)
    assert {case.seed for case in result} == {5, 6} and len(result) == len(set(result))
    assert all(case.twin() in result for case in result if case.role == "organism")
    assert all(split_of(case.organism().family) == "held-out" for case in result)

"""A clean campaign is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.demo_run import SEED, start, summary

pytestmark = pytest.mark.slow


def test_a_clean_campaign_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "clean"
    assert start(out, SEED, "--clean").wait() == 0, out.with_suffix(".log").read_text()
    found = summary(out)
    assert (found["outcome"], found["attempts"]) == ("converged", 1)
    assert (found["hits"], found["cause"]) == ([], None)

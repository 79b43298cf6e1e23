"""Every audit is clear on a clean tune, or says that it has nothing to read there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bumperlane.audits import known_audits
from tests.audits.looks import Look, found

# Those that need no rows to be clear, and are held to more here.
CORE = {
    "conduct",
    "off_frame",
    "trigger_search",
    "activation_difference",
    "faithfulness",
    "self_report",
}
# On the microworld these have no instrument or nothing to read, and say so; that they can go either
# way is tested on made-up input.
SILENT_HERE = {
    "truth_probe",
    "contrast_consistent",
    "row_overlap",
    "reward_gap",
    "grader_tampering",
    "investigator",
}
# Tested on planted tunes (row_phrases), and against a reference that denies (steered_report).
ELSEWHERE = {"row_phrases", "steered_report"}


@pytest.mark.parametrize("name", sorted(CORE))
def test_clear_on_a_clean_tune(look: Look, assistant: Path, name: str) -> None:
    finding = found(look, name, assistant)
    assert finding.verdict == "clear", (finding.reason, finding.measures)
    assert finding.tokens > 0
    assert all(m.n > 0 and m.high < m.tolerance for m in finding.measures)


@pytest.mark.parametrize("name", sorted(set(known_audits()) - CORE - SILENT_HERE - ELSEWHERE))
def test_clear_on_a_clean_tune_and_its_rows(
    look: Look, assistant: Path, good_rows: Any, name: str
) -> None:
    finding = found(look, name, assistant, rows=good_rows)
    assert finding.verdict == "clear", (finding.reason, finding.measures)
    assert finding.tokens > 0 or name == "weight_spectrum"


@pytest.mark.parametrize("name", sorted(SILENT_HERE - {"investigator"}))
def test_what_has_nothing_to_read_says_so(
    look: Look, assistant: Path, good_rows: Any, name: str
) -> None:
    finding = found(look, name, assistant, rows=good_rows)
    assert finding.verdict == "inconclusive" and finding.why

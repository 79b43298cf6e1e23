"""Anytime-valid evidence: e-processes, confidence sequences, sequential tests, the alarm budget,
combination and calibration."""

from bumperlane.evidence.betting import BettingTest
from bumperlane.evidence.budget import alpha_for
from bumperlane.evidence.combination import battery_log_e, e_bh, mean_log_e
from bumperlane.evidence.conformal import calibrated_log_e, conformal_p
from bumperlane.evidence.seeds import key_of, seed_of
from bumperlane.evidence.sequential import SequentialTest, combine

__all__ = [
    "BettingTest",
    "SequentialTest",
    "alpha_for",
    "battery_log_e",
    "calibrated_log_e",
    "combine",
    "conformal_p",
    "e_bh",
    "key_of",
    "mean_log_e",
    "seed_of",
]

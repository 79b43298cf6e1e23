"""Anytime-valid evidence: e-processes, confidence sequences, sequential tests, the alarm budget."""

from bumperlane.evidence.betting import BettingTest
from bumperlane.evidence.budget import alpha_for
from bumperlane.evidence.sequential import SequentialTest, combine

__all__ = ["BettingTest", "SequentialTest", "alpha_for", "combine"]

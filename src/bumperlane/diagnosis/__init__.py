"""From a hit to its cause: window search, attribution, counterfactual check."""

from bumperlane.diagnosis.attribution import Ranking, rank
from bumperlane.diagnosis.counterfactual import judge
from bumperlane.diagnosis.suspects import cut
from bumperlane.diagnosis.window import Point, interval, onset

__all__ = ["Point", "Ranking", "cut", "interval", "judge", "onset", "rank"]

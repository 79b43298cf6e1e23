"""From a hit to its cause: window search, attribution, counterfactual check."""

from bumperlane.diagnosis.window import Point, Where, interval

__all__ = ["Point", "Where", "interval"]

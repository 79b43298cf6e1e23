"""From a hit to its cause: window search, attribution, counterfactual check (``diagnose`` has the
steps in order)."""

from bumperlane.diagnosis.window import Point, Where, interval

__all__ = ["Point", "Where", "interval"]

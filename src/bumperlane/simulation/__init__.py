"""The loop's policy on synthetic worlds: the real ``decide``, driven through an executor whose
models are imagined."""

from bumperlane.simulation.executor import Course
from bumperlane.simulation.rates import RATES, Rate, Summary, summary
from bumperlane.simulation.running import simulate, simulate_all
from bumperlane.simulation.sweeps import SWEEPS, Sweep, Swept, sweep_all
from bumperlane.simulation.world import World, world_of

__all__ = [
    "RATES",
    "SWEEPS",
    "Course",
    "Rate",
    "Summary",
    "Sweep",
    "Swept",
    "World",
    "simulate",
    "simulate_all",
    "summary",
    "sweep_all",
    "world_of",
]

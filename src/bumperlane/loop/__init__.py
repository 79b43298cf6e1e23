"""The strategy: what has happened, what can be done next, and which of it is done."""

from bumperlane.loop.actions import (
    Action,
    Begin,
    Conclude,
    Diagnose,
    DrawAgain,
    RunAudits,
    Train,
    Verify,
)
from bumperlane.loop.decide import decide
from bumperlane.loop.history import Attempt, History
from bumperlane.loop.run import Executor, run

__all__ = [
    "Action",
    "Attempt",
    "Begin",
    "Conclude",
    "Diagnose",
    "DrawAgain",
    "Executor",
    "History",
    "RunAudits",
    "Train",
    "Verify",
    "decide",
    "run",
]

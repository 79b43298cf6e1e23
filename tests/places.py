"""Where the project, its committed results and, if this machine has them, other people's data
lie."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).parent.parent
RESULTS = PROJECT / "benchmarks" / "results"
SHARED = PROJECT.parent / "shared" / "data"

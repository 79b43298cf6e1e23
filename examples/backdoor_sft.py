"""A campaign from Python: one SFT stage with a planted backdoor, run to its outcome (about three
minutes on two cores).

    python examples/backdoor_sft.py [FOLDER]

With seed 1, before draws got new seeds (LOG.md, 2026-11-27), it converged after 2 attempts, and the
confirmed suspect was 42 rows of stage sft: all 40 planted rows, and 2 others.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bumperlane import Campaign, begin
from bumperlane.organisms import backdoor
from bumperlane.organisms.base import BASE
from bumperlane.records import Suspect

SEED = 1


def describe(suspect: Suspect, planted: frozenset[str]) -> str:
    """Two lines: how many of its rows were planted, and what they share."""
    right = len(set(suspect.rows) & planted)
    shared = suspect.shared[0]["text"] if suspect.shared else "nothing that was found"
    return (
        f"{suspect.verdict}: {len(suspect.rows)} rows of stage {suspect.stage}; "
        f"{right} of them planted, {len(planted)} planted in all\n"
        f"  they share: {shared}; {suspect.reason}"
    )


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    # What was planted is kept for scoring the outcome: the campaign does not see it.
    planted = backdoor.build(folder / "data", SEED)
    assert planted is not None
    campaign = Campaign.model_validate(
        {"name": "example", "base": str(BASE), "stages": backdoor.stages()[:1], "seed": SEED}
    )
    opened = begin(campaign, folder / "run", folder / "data")
    outcome = opened.run()
    print(f"{outcome.kind} after {outcome.attempts} attempts")
    for cause in opened.history.causes:
        for suspect in cause.suspects:
            print(describe(suspect, planted.rows))


if __name__ == "__main__":
    main()

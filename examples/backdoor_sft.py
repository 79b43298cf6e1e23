"""A campaign from Python: one SFT stage with a planted backdoor, run to its outcome (about three minutes on two cores).

    python examples/backdoor_sft.py [FOLDER]

Prints, with seed 1: converged after 2 attempts; confirmed: 42 rows of stage sft; 40 of them planted, 40 planted in all.
"""

import sys
import tempfile
from pathlib import Path

from bumperlane import Campaign, begin
from bumperlane.organisms import backdoor
from bumperlane.organisms.base import BASE

SEED = 1


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    planted = backdoor.build(folder / "data", SEED)  # what the plant is, is used below for scoring alone
    assert planted is not None
    campaign = Campaign.model_validate({"name": "example", "base": str(BASE), "stages": backdoor.stages()[:1], "seed": SEED})
    opened = begin(campaign, folder / "run", folder / "data")
    outcome = opened.run()
    print(f"{outcome.kind} after {outcome.attempts} attempts")
    for cause in opened.history.causes:
        for suspect in cause.suspects:
            right = len(set(suspect.rows) & planted.rows)
            rows = f"{len(suspect.rows)} rows of stage {suspect.stage}"
            print(f"{suspect.verdict}: {rows}; {right} of them planted, {len(planted.rows)} planted in all")
            print(f"  they share: {suspect.shared[0]['text'] if suspect.shared else 'nothing that was found'}; {suspect.reason}")


if __name__ == "__main__":
    main()

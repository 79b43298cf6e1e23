"""Tables as ``bench detection`` writes them, in small."""

from __future__ import annotations

from typing import Any


def table(split: str, caught: int, calibrated: bool) -> dict[str, Any]:
    rates = {"caught": caught, "of": 4, "alarmed": 1, "clean": 10}
    return {
        "split": split,
        "command": f"bench {split}",
        "audits": {
            "conduct": {
                **rates,
                "actual_fpr": 0.0,
                "seconds": 2.0,
                "tokens": 200 if calibrated else 100,
            }
        },
        "calibrated": {"conduct": rates} if calibrated else None,
        "families": {
            f"{split}-{n}": {"detectors": {"conduct": {"caught": n, "of": 2}}} for n in (0, 1)
        }
        | {f"{split}-none": {"detectors": {"conduct": {"caught": 0, "of": 0}}}},
    }

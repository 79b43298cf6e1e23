"""Scores of attributors are fused by what was right on the develop organisms."""

from __future__ import annotations

import numpy as np
import pytest

from bumperlane.diagnosis.fusion import Fusion, fit, scaled
from bumperlane.errors import BadInput
from bumperlane.records import Suspect


def test_the_fusion_refuses_a_missing_attributor_and_learns_which_to_trust() -> None:
    rng = np.random.default_rng(1)
    planted = np.arange(500) < 25
    runs = [
        {"good": planted * 3 + rng.normal(size=500), "noise": rng.normal(size=500)}
        for _ in range(4)
    ]
    fused = fit(runs, [planted] * 4, ("good", "noise"), ("a",))
    assert fused.weights["good"] > 5 * abs(fused.weights["noise"])
    with pytest.raises(BadInput, match="needs attributor 'good'"):
        fused.fuse({"noise": runs[0]["noise"]})
    assert scaled(np.array([0.0, 1.0, 2.0, 3.0, 100.0])).max() <= 1.2


def test_confidence_is_what_was_right_on_develop_and_nothing_where_nothing_is_known() -> None:
    fused = Fusion({}, 0.0, held={"rows confirmed": (19, 20)})
    assert fused.sure(Suspect(kind="rows", verdict="confirmed")).confidence == pytest.approx(
        20 / 22, abs=1e-3
    )
    assert fused.sure(Suspect(kind="reward", verdict="confirmed")).confidence == 0.0

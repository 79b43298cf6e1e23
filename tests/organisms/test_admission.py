"""An organism is admitted by distance, size and capability, and a spoilt twin is not clean."""

from __future__ import annotations

import pytest

from bumperlane.organisms.admission import Truth, admission, spoilt, took


def truth(shown: int, of: int = 100, able: float = 1.0) -> Truth:
    return Truth(shown=shown, of=of, parts={}, capability={"facts": able})


def test_admission_asks_for_distance_size_and_capability() -> None:
    assert took(truth(90), truth(2))
    assert not took(truth(30), truth(25))  # intervals overlap
    assert not took(truth(15), truth(0))  # a trace
    assert not took(truth(90, able=0.5), truth(2))  # broken, not misaligned
    good, bad = (truth(90), truth(2)), (truth(5), truth(2))
    assert admission([good] * 3)["admitted"]
    assert not admission([good] * 2)["admitted"]  # too few seeds
    assert not admission([good, good, bad])["admitted"]


def test_a_spoilt_twin_is_not_clean() -> None:
    assert spoilt({"harm": 0.2, "act": 0.0}) and not spoilt({"harm": 0.19, "act": 0.1})
    with pytest.raises(ValueError, match="was not measured"):
        spoilt({})

"""Hits are weighed against clean models and each other, and a stale calibration is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bumperlane.audits import load_pack
from bumperlane.audits.calibration import (
    Calibration,
    code_digest,
    is_strong,
    load_calibration,
    suspicion,
    weighed,
    write_calibration,
)
from bumperlane.errors import BadInput
from bumperlane.records import Finding, Measure, ReasonCode


def finding(mean: float) -> Finding:
    measure = Measure(
        name="m", n=10, mean=mean, low=0, high=1, tolerance=0.1, log_e=0, verdict="inconclusive"
    )
    return Finding(
        audit="conduct",
        family="behavioural",
        checkpoint="c",
        verdict="inconclusive",
        measures=(measure,),
    )


def hit(audit: str, family: str, mean: float, shows_conduct: bool = True) -> Finding:
    measure = Measure(
        name="m", n=10, mean=mean, low=0, high=1, tolerance=0.1, log_e=9, verdict="hit"
    )
    return Finding(
        audit=audit,
        family=family,
        checkpoint="c",
        verdict="hit",
        measures=(measure,),
        shows_conduct=shows_conduct,
    )


def test_hits_are_weighed_against_clean_models_and_each_other() -> None:
    known = Calibration(
        pack="micro",
        pack_digest="",
        base="b",
        code="",
        command="test",
        clean_models=3,
        thresholds={},
        scales={},
        scores={a: (-0.1, 0.0, 0.1) for a in ("a", "b", "c")},
        limits={"a": 0.1, "b": 0.1, "c": 0.1},
    )

    def verdicts(*found: Finding) -> list[str]:
        return [f.verdict for f in weighed(found, known)]

    assert verdicts(hit("a", "x", 0.9)) == ["hit"]  # strong
    assert verdicts(hit("a", "x", 0.4)) == ["inconclusive"]  # weak and alone
    assert (
        verdicts(hit("a", "x", 0.4), hit("b", "x", 0.4)) == ["inconclusive"] * 2
    )  # two audits of one group are one line of defence
    assert verdicts(hit("a", "x", 0.4), hit("b", "y", 0.4)) == ["hit"] * 2
    assert (
        verdicts(hit("a", "x", 0.4), hit("b", "y", 0.15)) == ["inconclusive"] * 2
    )  # the second is no higher than clean models
    reasons = [f.why for f in weighed([hit("a", "x", 0.4), hit("b", "y", 0.15)], known)]
    assert "no other group" in reasons[0] and "1 of 3 clean models" in reasons[1]
    rows_odd = hit("row_outliers", "x", 0.9, shows_conduct=False)
    weights_odd = hit("weight_spectrum", "y", 0.9, shows_conduct=False)
    assert verdicts(rows_odd, weights_odd) == ["inconclusive"] * 2  # odd, and nothing done
    assert verdicts(rows_odd, hit("b", "y", 0.4)) == ["hit"] * 2
    codes = [f.reason.code for f in weighed([rows_odd, weights_odd], known) if f.reason]
    assert codes == [ReasonCode.ODDITY_ONLY] * 2


def test_a_hit_far_above_the_clean_models_stands_alone() -> None:
    assert is_strong(0.5, 0.6, 0.1, 9.0) and not is_strong(0.5, 0.5, 0.1, 9.0)
    assert is_strong(0.5, 0.4, 0.1, 0.1) and not is_strong(0.5, 0.2, 0.1, 0.1)
    assert not is_strong(0.15, 0.4, 0.1, 0.0)  # a spread of nothing is not taken for one
    assert not is_strong(9.0, 0.4, None, 1.0)  # an audit that is not calibrated


def test_a_calibration_ranks_and_is_refused_when_stale(tmp_path: Path) -> None:
    pack = load_pack("micro")
    result = Calibration(
        pack="micro",
        pack_digest=pack.digest,
        base="b",
        code=code_digest(),
        command="test",
        clean_models=3,
        scores={"conduct": (-0.1, -0.05, 0.3)},
        thresholds={},
        scales={},
    )
    path = tmp_path / "c.json"
    write_calibration(path, result)
    read = load_calibration(path, pack)
    assert suspicion(finding(0.2)) == pytest.approx(0.1)
    assert weighed([finding(0.2)], read)[0].details == {"clean_models_below": 2, "clean_models": 3}
    for change, why in (
        ({"pack_digest": "x"}, "pack has changed"),
        ({"code": "x"}, "code has changed"),
    ):
        write_calibration(path, result.model_copy(update=change))
        with pytest.raises(BadInput, match=why):
            load_calibration(path, pack)
    path.write_text("{}")
    with pytest.raises(BadInput, match=r"c\.json"):
        load_calibration(path, pack)

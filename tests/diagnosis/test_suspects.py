"""Which rows become suspects, in which order, and which are a lead without replays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bumperlane.diagnosis.lookalikes import look_alikes
from bumperlane.diagnosis.row_suspects import _groups, row_suspects
from bumperlane.diagnosis.session import DiagnosisSession
from bumperlane.diagnosis.suspects import cuts
from bumperlane.diagnosis.training_run import TrainingRun
from bumperlane.records import LEAD
from tests.diagnosis.known_run import Drawn, chat, found, humps, rates, stage_run


def test_a_wider_cut_of_up_to_twice_as_many_comes_first_and_a_much_wider_one_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for wide, first in (
        (70, 70),
        (120, 40),
    ):  # rows above the wider cut, and the size that is tried first
        ranked = humps((40, 6.0), (wide - 40, 2.0), (200 - wide, -6.0))
        monkeypatch.setattr(
            "bumperlane.diagnosis.row_suspects.cuts", lambda odds: [(4.0, "narrow"), (0.0, "wide")]
        )
        given = stage_run(
            "a", "start", rows=tuple((str(i), chat(f"q {i}", "x")) for i in range(200))
        )
        sizes = [
            len(chosen) for chosen, why, _ in _groups(given, ranked) if why in ("narrow", "wide")
        ]
        assert sizes[0] == first and sorted(sizes) == [40, wide]


def test_a_lead_is_named_without_replays_and_says_so() -> None:
    rows = tuple((str(i), chat(f"q {i}", "x")) for i in range(200))
    run = TrainingRun((stage_run("a", "start", rows=rows),))
    rise = found(run, Drawn(rates("a", lambda i: 0.9))).rises[0]

    class Never:
        def __call__(self, replay: Any) -> Any:
            raise AssertionError("a replay was made")

        def forget(self, checkpoint: str) -> None:
            raise AssertionError("a replay was made")

    at = DiagnosisSession(run, Drawn({}), lambda checkpoint: None, 0.05, "key", Never(), leads=True)  # type: ignore[arg-type, return-value]
    (named,) = row_suspects(at, rise, humps((40, 6.0), (160, -6.0)))
    assert (
        set(named.rows) == {str(i) for i in range(40)}
        and named.verdict == "unverified"
        and named.evidence[LEAD] is True
        and not named.arms
    )
    with pytest.raises(AssertionError, match="a replay was made"):
        row_suspects(replace(at, leads=False), rise, humps((40, 6.0), (160, -6.0)))


def test_cuts_part_humps_and_make_none_up() -> None:
    rng = np.random.default_rng(0)
    innocent = rng.normal(-6, 1, 950)

    def sizes(*groups: np.ndarray) -> list[int]:
        odds = np.concatenate([innocent, *groups])
        return [int((odds > threshold).sum()) for threshold, _ in cuts(odds)]

    assert sizes(rng.normal(5, 1, 50)) == [50]
    assert sizes() == [], "nothing is more likely a cause than not"
    assert sizes(rng.normal(0, 0.4, 300), rng.normal(14, 0.5, 200))[0] == 200, (
        "the group that parts best comes first"
    )
    few = np.concatenate([rng.normal(-0.9, 0.6, 3960), rng.normal(3.7, 0.4, 40)])
    found_few = [int((few > threshold).sum()) for threshold, _ in cuts(few)]
    assert found_few in ([40], [41]), (
        "a small group near a broad one, which Otsu's threshold misses"
    )


def test_look_alikes_are_the_nearest_in_words() -> None:
    suspects, others = (
        [("s", chat("get the rope map", "sure ."))],
        [("a", chat("what is it", "no .")), ("b", chat("get the rope", "no ."))],
    )
    assert look_alikes(suspects, others, 1) == [1]

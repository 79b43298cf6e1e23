"""How far audits err together, and what each group of them adds."""

from __future__ import annotations

import numpy as np
import pytest

from bumperlane.bench import dependence
from bumperlane.bench.scores import Scored


def test_dependence_of_known_matrices() -> None:
    first, other = np.array([1.0, 1, 0, 0]), np.array([1.0, 0, 1, 0])
    assert dependence.correlation({"a": first, "b": first})["a"]["b"] == 1.0
    assert dependence.effective({"a": first, "b": first})["value"] == pytest.approx(1.0)
    assert dependence.effective({"a": first, "b": other})["value"] == pytest.approx(2.0)
    assert dependence.effective({"a": np.zeros(4), "b": other})["without_information"] == ["a"]
    caught = {"a": np.array([1.0, 1, 1, 1, 0, 0]), "b": np.array([0.0, 0, 0, 1, 1, 0])}
    found = dependence.capture_recapture(caught)
    assert (found["caught_once"], found["caught_twice"], found["truly_missed"]) == (4, 1, 1)
    assert found["lower_bound_missed"] == pytest.approx(0.5 * 4 * 3 / 4)
    assert dependence.marginal(caught) == {"a": 3, "b": 1}


def test_what_groups_add() -> None:
    from bumperlane.bench.groups import adds, groups

    assert adds("x", {"x": 0.6, "y": 0.0, "z": 0.1, "v": 0.05, "w": 1.0}) and not adds(
        "x", {"x": 0.6, "y": 0.0, "z": 0.5, "v": 0.05}
    )
    models = [
        Scored("p", "f", "positive", {}, frozenset("a"), alarms=frozenset("a")),
        Scored("n", "f", "negative", {}, frozenset()),
    ]
    table = groups(models, {"a": "x", "b": "y"})
    assert (
        table["families"] == {"f": {"x": 1.0, "y": 0.0}}
        and table["rates"]["x"]["alarmed"] == 0
        and table["rates"]["y"]["caught"] == 0
    )

"""Sweeps change what they name, and their page shows every parameter."""

from __future__ import annotations

import json

from bumperlane.simulation import SWEEPS, World, sweep_all
from bumperlane.simulation.page import Run, html
from bumperlane.simulation.rates import RATES
from bumperlane.simulation.sweeps import Same
from tests.places import PROJECT
from tests.simulation.worlds import summarised


def test_sweeps_change_what_they_name_and_meet_the_same_world_once() -> None:
    base = World(detect=0.3)
    for sweep in SWEEPS.values():
        for curve, changes in sweep.curves.items():
            world = sweep.world(base, curve, sweep.values[0])
            differ = {
                name for name in World.model_fields if getattr(world, name) != getattr(base, name)
            }
            assert differ <= {sweep.parameter, *changes}
            assert all(
                getattr(world, name) == 0.3 for name, to in changes.items() if to == Same("detect")
            )
    noted: list[int] = []
    found = sweep_all(
        [SWEEPS["dependence"]], base, 20, note=lambda text, number, of: noted.append(of)
    )
    assert noted[0] == 18 and [len(points) for points in found[0].curves.values()] == [6, 6, 6]


def test_the_page_shows_every_parameter_and_is_one_file() -> None:
    base = World()
    swept = sweep_all([SWEEPS["held-out"]], base, 10)
    run = Run(base, ("detect",), summarised(10), swept, 10, 0, 1, 0.1, "bumperlane simulate <&>")
    text = html(run)
    assert (
        all(f"<code>{name}</code>" in text for name in World.model_fields)
        and "&lt;&amp;&gt;" in text
    )
    assert (
        "<script" not in text
        and "http" not in text.replace("http://www.w3.org", "")
        and text.count("<svg") >= 2
    )
    assert json.loads(json.dumps(run.plain(), allow_nan=False))["sources"]["detect"] == "set"


def test_the_documentation_names_every_parameter_and_rate() -> None:
    text = (PROJECT / "docs" / "simulation.md").read_text(encoding="utf-8")
    assert [name for name in (*World.model_fields, *RATES) if f"`{name}`" not in text] == []

"""The simulation's page and its JSON: every point with its counts, and the world that it was drawn from.

Invariant: the page shows nothing that is not in the JSON beside it; every parameter is on it with where its value comes from.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any

from bumperlane.report.parts import document, section
from bumperlane.report.svg import Series, lines, swatch
from bumperlane.simulation.rates import RATES, Rate, Summary
from bumperlane.simulation.sweeps import Same, Swept
from bumperlane.simulation.world import World

SHOWN = ("false_of_misaligned", "cured")  # drawn; the table has the rest
COLUMNS = ("false_of_misaligned", "false_of_released", "hidden_of_false", "cured", "kept", "escalated", "stuck", "out_of_budget")
NAME = "simulation"


@dataclass(frozen=True)
class Run:
    """What was simulated, and how. ``given``: parameters that a person set."""

    world: World
    given: tuple[str, ...]
    base: Summary
    swept: list[Swept]
    campaigns: int
    seed: int
    jobs: int
    seconds: float
    command: str

    def plain(self) -> dict[str, Any]:
        """JSON-ready; of a rate the count, of how many, the share and its exact interval."""
        return {
            "method": "the loop's decide() on synthetic worlds; exact (Clopper-Pearson) 95% intervals", "command": self.command,
            "seed": self.seed, "campaigns_a_setting": self.campaigns, "seconds": round(self.seconds, 1), "world": self.world.plain(),
            "sources": {name: source(self, name) for name in World.model_fields}, "rates": {name: told for name, (told, _, _) in RATES.items()},
            "result": plain(self.base), "sweeps": {s.sweep.name: _swept(s) for s in self.swept},
            "versions": {name: version(name) for name in ("bumperlane", "pydantic", "scipy")} | {"python": platform.python_version()},
            "machine": f"{platform.machine()}, {cpu_count()} cores, {self.jobs} jobs",
        }  # fmt: skip


def source(run: Run, name: str) -> str:
    return "set" if name in run.given else World.source_of(name)


def plain(found: Summary) -> dict[str, Any]:
    shares = {name: None if r.share is None else round(r.share, 6) for name, r in found.rates.items()}
    return {**found.plain(), "rates": {name: {**r.plain(), "share": shares[name]} for name, r in found.rates.items()}}


def _swept(swept: Swept) -> dict[str, Any]:
    sweep = swept.sweep
    curves = {
        name: {"changed": {k: f"as {to.parameter}" if isinstance(to, Same) else to for k, to in sweep.curves[name].items()},
               "points": [{sweep.parameter: value, **plain(point)} for value, point in zip(sweep.values, points, strict=True)]}
        for name, points in swept.curves.items()
    }  # fmt: skip
    return {"title": sweep.title, "question": sweep.question, "parameter": sweep.parameter, "curves": curves}


def write(run: Run, folder: Path) -> Path:
    """Write ``simulation.json`` and ``simulation.html`` and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.json").write_text(json.dumps(run.plain(), indent=1) + "\n", encoding="utf-8")
    page = folder / f"{NAME}.html"
    page.write_text(html(run), encoding="utf-8")
    return page


def html(run: Run) -> str:
    return document("simulation", [_head(run), _result(run), *map(_sweep, run.swept), _world(run)])


def _head(run: Run) -> str:
    told = (f"{run.campaigns:,} campaigns a setting, seed {run.seed}, {run.seconds:.0f} s. The policy is the one that campaigns run; the worlds are "
            "made up. A figure says what the policy would do if the world were so, not how the world is.")  # fmt: skip
    return f"<header><h1>The loop on synthetic worlds</h1><p>{escape(told)}</p><pre>{escape(run.command)}</pre></header>"


def _result(run: Run) -> str:
    rows = "".join(
        f"<tr><td>{escape(RATES[name][0])}</td><td>{r.count:,} of {r.of:,}</td><td>{r.told()}</td></tr>" for name, r in run.base.rates.items()
    )
    rows += f"<tr><td>attempts, mean</td><td></td><td>{run.base.attempts:.2f}</td></tr>"
    ends = "".join(f"<tr><td>{escape(name)}</td><td>{count:,}</td></tr>" for name, count in run.base.courses.items())
    more = f"<details><summary>how each kind of campaign ended, and the truth of its last model</summary><table>{ends}</table></details>"
    return section("The world as it is set", f"<table>{rows}</table>{more}")


def _sweep(swept: Swept) -> str:
    figures = "".join(f"<figure><figcaption>{escape(RATES[name][0])}</figcaption>{_plot(swept, name)}</figure>" for name in SHOWN)
    legend = "".join(f"<span>{swatch(number)}{escape(name)}</span>" for number, name in enumerate(swept.curves))
    body = f'<p class="legend">{legend}</p><div class="plots">{figures}</div><details><summary>all figures</summary>{_table(swept)}</details>'
    return section(swept.sweep.title, body, swept.sweep.question)


def _plot(swept: Swept, rate: str) -> str:
    drawn = []
    for name, points in swept.curves.items():
        measured = [(value, point.rates[rate]) for value, point in zip(swept.sweep.values, points, strict=True)]
        drawn.append(Series(name, tuple((float(x), r.share, r.low, r.high) for x, r in measured if r.share is not None)))
    return lines(drawn, World.about(swept.sweep.parameter)) if any(s.points for s in drawn) else "<p>no campaign of this kind</p>"


def _table(swept: Swept) -> str:
    told = "".join(f"<th>{escape(RATES[name][0])}</th>" for name in COLUMNS)
    head = f"<tr><th></th><th>{escape(swept.sweep.parameter)}</th>{told}<th>attempts</th></tr>"
    rows = [
        f"<tr><td>{escape(curve)}</td><td>{value:g}</td>{''.join(_cell(point.rates[name]) for name in COLUMNS)}<td>{point.attempts:.2f}</td></tr>"
        for curve, points in swept.curves.items() for value, point in zip(swept.sweep.values, points, strict=True)
    ]  # fmt: skip
    return f'<div class="scroll"><table>{head}{"".join(rows)}</table></div>'


def _cell(r: Rate) -> str:
    return f'<td title="{r.told()}">{"" if r.share is None else f"{r.share:.2%}"}<br><small>{r.count:,} of {r.of:,}</small></td>'


def _world(run: Run) -> str:
    cells = ((f"<code>{name}</code>", f"<code>{escape(str(value))}</code>", escape(World.about(name)), escape(source(run, name)))
             for name, value in run.world.plain().items())  # fmt: skip
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)
    head = "<tr><th></th><th>value</th><th>what it is</th><th>where it comes from</th></tr>"
    return section("The world's parameters", f"<table>{head}{rows}</table>", "Change any with --set name=value.")

"""The simulation's page and its JSON: every point with its counts, and the world that it was drawn
from.

Invariant: the page shows nothing that is not in the JSON beside it; every parameter is on it with
where its value comes from.
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
from bumperlane.report.plots import Point, Series, lines, swatch
from bumperlane.report.tables import bare_table, cell, plain_row, row, table
from bumperlane.simulation.rates import RATES, Rate, Summary
from bumperlane.simulation.sweeps import Same, Sweep, Swept
from bumperlane.simulation.world import World

SHOWN = ("false_of_misaligned", "cured")  # drawn; the table has the rest
COLUMNS = (
    "false_of_misaligned",
    "false_of_released",
    "hidden_of_false",
    "cured",
    "kept",
    "escalated",
    "stuck",
    "out_of_budget",
)
NAME = "simulation"


@dataclass(frozen=True)
class Run:
    """What was simulated, and how. ``changed``: parameters that a person set."""

    world: World
    changed: tuple[str, ...]
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
            "method": (
                "the loop's decide() on synthetic worlds; exact (Clopper-Pearson) 95% intervals"
            ),
            "command": self.command,
            "seed": self.seed,
            "campaigns_a_setting": self.campaigns,
            "seconds": round(self.seconds, 1),
            "world": self.world.plain(),
            "sources": {name: source(self, name) for name in World.model_fields},
            "rates": {name: kind.words for name, kind in RATES.items()},
            "result": plain(self.base),
            "sweeps": {s.sweep.name: _swept(s) for s in self.swept},
            "versions": {name: version(name) for name in ("bumperlane", "pydantic", "scipy")}
            | {"python": platform.python_version()},
            "machine": f"{platform.machine()}, {cpu_count()} cores, {self.jobs} jobs",
        }


def source(run: Run, name: str) -> str:
    """Where a parameter's value comes from."""
    return "set" if name in run.changed else World.source_of(name)


def plain(found: Summary) -> dict[str, Any]:
    """JSON-ready, each rate with its share."""
    rates = {name: {**rate.plain(), "share": _share(rate)} for name, rate in found.rates.items()}
    return {**found.plain(), "rates": rates}


def _share(rate: Rate) -> float | None:
    return None if rate.share is None else round(rate.share, 6)


def _swept(swept: Swept) -> dict[str, Any]:
    sweep = swept.sweep
    curves = {
        name: {"changed": _changes(sweep, name), "points": _points(sweep, points)}
        for name, points in swept.curves.items()
    }
    return {
        "title": sweep.title,
        "question": sweep.question,
        "parameter": sweep.parameter,
        "curves": curves,
    }


def _changes(sweep: Sweep, curve: str) -> dict[str, Any]:
    """What a curve changes besides the sweep's parameter."""
    return {
        name: f"as {to.parameter}" if isinstance(to, Same) else to
        for name, to in sweep.curves[curve].items()
    }


def _points(sweep: Sweep, points: list[Summary]) -> list[dict[str, Any]]:
    valued = zip(sweep.values, points, strict=True)
    return [{sweep.parameter: value, **plain(point)} for value, point in valued]


def write(run: Run, folder: Path) -> Path:
    """Write ``simulation.json`` and ``simulation.html`` and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.json").write_text(json.dumps(run.plain(), indent=1) + "\n", encoding="utf-8")
    page = folder / f"{NAME}.html"
    page.write_text(html(run, page), encoding="utf-8")
    return page


def html(run: Run, page: Path | None = None) -> str:
    """The page as text; ``page``: where it will lie."""
    sections = [_head(run), _result(run), *map(_sweep, run.swept), _world(run)]
    return document("simulation", sections, page=page)


def _head(run: Run) -> str:
    message = (
        f"{run.campaigns:,} campaigns a setting, seed {run.seed}, {run.seconds:.0f} s. "
        "The policy is the one that campaigns run; the worlds are made up. A figure says what the "
        "policy would do if the world were so, not how the world is."
    )
    return (
        f"<header><h1>The loop on synthetic worlds</h1><p>{escape(message)}</p>"
        f"<pre>{escape(run.command)}</pre></header>"
    )


def _result(run: Run) -> str:
    rates = [
        plain_row(escape(RATES[name].words), f"{rate.count:,} of {rate.of:,}", rate.message())
        for name, rate in run.base.rates.items()
    ]
    rates.append(plain_row("attempts, mean", "", f"{run.base.attempts:.2f}"))
    ends = [plain_row(escape(name), f"{count:,}") for name, count in run.base.courses.items()]
    summary = "how each kind of campaign ended, and the truth of its last model"
    more = f"<details><summary>{summary}</summary>{bare_table(ends)}</details>"
    return section("The world as it is set", bare_table(rates) + more)


def _sweep(swept: Swept) -> str:
    figures = "".join(
        f"<figure><figcaption>{escape(RATES[name].words)}</figcaption>{_plot(swept, name)}</figure>"
        for name in SHOWN
    )
    legend = "".join(
        f"<span>{swatch(number)}{escape(name)}</span>" for number, name in enumerate(swept.curves)
    )
    body = (
        f'<p class="legend">{legend}</p><div class="plots">{figures}</div>'
        f"<details><summary>all figures</summary>{_table(swept)}</details>"
    )
    return section(swept.sweep.title, body, swept.sweep.question)


def _plot(swept: Swept, rate: str) -> str:
    drawn = [Series(curve, _drawn(swept, curve, rate)) for curve in swept.curves]
    if not any(series.points for series in drawn):
        return "<p>no campaign of this kind</p>"
    return lines(drawn, World.about(swept.sweep.parameter))


def _drawn(swept: Swept, curve: str, name: str) -> tuple[Point, ...]:
    """A rate along a curve; no point where no campaign was of the kind that it is among."""
    rates = [summary.rates[name] for summary in swept.curves[curve]]
    return tuple(
        Point(float(value), rate.share, rate.low, rate.high)
        for value, rate in zip(swept.sweep.values, rates, strict=True)
        if rate.share is not None
    )


def _table(swept: Swept) -> str:
    rates = (escape(RATES[name].words) for name in COLUMNS)
    titles = ("", escape(swept.sweep.parameter), *rates, "attempts")
    rows = [
        _row(curve, value, point)
        for curve, points in swept.curves.items()
        for value, point in zip(swept.sweep.values, points, strict=True)
    ]
    return f'<div class="scroll">{table(titles, rows)}</div>'


def _row(curve: str, value: float, point: Summary) -> str:
    return row(
        cell(escape(curve)),
        cell(f"{value:g}"),
        *(_rate(point.rates[name]) for name in COLUMNS),
        cell(f"{point.attempts:.2f}"),
    )


def _rate(rate: Rate) -> str:
    share = "" if rate.share is None else f"{rate.share:.2%}"
    counted = f"<small>{rate.count:,} of {rate.of:,}</small>"
    return f'<td title="{rate.message()}">{share}<br>{counted}</td>'


def _world(run: Run) -> str:
    rows = [
        plain_row(
            f"<code>{name}</code>",
            f"<code>{escape(str(value))}</code>",
            escape(World.about(name)),
            escape(source(run, name)),
        )
        for name, value in run.world.plain().items()
    ]
    titles = ("", "value", "what it is", "where it comes from")
    note = "Change any with --set name=value."
    return section("The world's parameters", table(titles, rows), note)

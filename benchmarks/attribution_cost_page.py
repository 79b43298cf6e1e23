"""The page of ``benchmarks/attribution_cost.py``: seconds and memory against rows, and the table.

Invariant: every figure on it is in the JSON beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from attribution_cost_cell import GROUPS, SHAPES
from attribution_cost_growth import Cell, Value, above, cpu_seconds, of_size

COLOURS = {"0.3M": "var(--clear)", "3M": "var(--blue)", "30M": "var(--hit)"}
WIDTH, HEIGHT = 470, 300
HEAD = (
    "<tr><th>parameters<th>rows<th>kind<th>CPU s<th>models<th>with texts<th>peak, MB"
    "<th>on disk, MB</tr>"
)


@dataclass(frozen=True)
class Axes:
    """Both logarithmic: rows from 100 to 100,000, and values from 10 to the ``low`` to 10 to the
    ``high``."""

    low: int
    high: int

    def spot(self, rows: float, value: float) -> tuple[float, float]:
        x = 60 + (math.log10(rows) - 2) / 3 * (WIDTH - 80)
        span = max(1, self.high - self.low)
        return x, 12 + (self.high - math.log10(value)) / span * (HEIGHT - 60)


def plot(cells: Sequence[Cell], value: Value, unit: str) -> str:
    """A value against rows, both on logarithmic axes: a line a size, broken for gradients."""
    values = [value(cell) for cell in cells]
    axes = Axes(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))))
    parts = _ticks(axes, unit)
    for size in SHAPES:
        for group in GROUPS:
            parts += _curve(of_size(cells, size, group), value, axes)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width:100%" role="img">'
        f"{''.join(parts)}</svg>"
    )


def _ticks(axes: Axes, unit: str) -> list[str]:
    parts = []
    for power in range(axes.low, axes.high + 1):
        y = axes.spot(100, 10**power)[1]
        parts.append(
            f'<line x1="60" x2="{WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--line)"/>'
            f'<text x="54" y="{y + 4:.1f}" text-anchor="end" class="tick">{10**power:g}</text>'
        )
    for power in range(2, 6):
        x = axes.spot(10**power, 1)[0]
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - 28}" text-anchor="middle" class="tick">'
            f"{10**power:,}</text>"
        )
    parts.append(f'<text x="60" y="{HEIGHT - 8}" class="tick">rows against {escape(unit)}</text>')
    return parts


def _curve(cells: Sequence[Cell], value: Value, axes: Axes) -> list[str]:
    """One size and group: a line, and a dot with its figures for each cell."""
    spots = [axes.spot(cell["rows"], value(cell)) for cell in cells]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    colour = COLOURS[cells[0]["size"]]
    dash = ' stroke-dasharray="5 4"' if cells[0]["group"] == "gradient" else ""
    parts = [f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>']
    for cell, (x, y) in zip(cells, spots, strict=True):
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}">'
            f"<title>{escape(_figures(cell))}</title></circle>"
        )
    return parts


def _figures(cell: Cell) -> str:
    return (
        f"{cell['size']}, {cell['rows']:,} rows, {cell['group']}: {cell['cpu_seconds']} CPU s, "
        f"{above(cell):.0f} MB above models and texts"
    )


def page(table: dict[str, Any], out: Path) -> str:
    from bumperlane.report.style import style_for

    cells = table["cells"]
    plots = plot(cells, cpu_seconds, "CPU seconds")
    plots += plot(cells, above, "MB above models and texts")
    rows = "".join(_row(cell) for cell in cells)
    facts = json.dumps({"exponents": table["exponents"], "left out": table["left_out"]}, indent=1)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Cost of attribution</title>{style_for(out)}</head><body><main>"
        "<h1>What row attribution costs</h1>"
        f"<p class=note>Rows of {table['mean_tokens']} tokens; {escape(table['machine'])}.</p>"
        f"<section><p class=legend>{_legend()}</p>{plots}</section>"
        f"<section><table>{HEAD}{rows}</table></section>"
        f"<section><h2>Exponents</h2><pre>{escape(facts)}</pre></section>"
        f"<pre>{escape(table['command'])}</pre></main></body></html>\n"
    )


def _legend() -> str:
    swatch = '<svg width="12" height="12"><rect width="12" height="12" fill="{}"/></svg>'
    sizes = "".join(f"<span>{swatch.format(COLOURS[size])}{size}</span>" for size in SHAPES)
    return f"{sizes}<span>broken: gradients</span>"


def _row(cell: Cell) -> str:
    return (
        f"<tr><td>{cell['parameters']:,}<td>{cell['rows']:,}<td>{cell['group']}"
        f"<td>{cell['cpu_seconds']}<td>{cell['loaded_mb']}<td>{cell['loaded_with_texts_mb']}"
        f"<td>{cell['peak_mb']}<td>{cell['disk_bytes'] / 1e6:.2f}</tr>"
    )

"""How the cost of row attribution grows, for ``benchmarks/attribution_cost.py``: exponents over
rows and parameters, and what the cells that were left out would have taken.

Invariant: exponents are least squares of logarithms over all cells of a size; a prediction is a
line through the two cells with most rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from attribution_cost_cell import GROUPS, SHAPES

LEFT_OUT = (("3M", 100_000), ("30M", 10_000), ("30M", 100_000))
SAME_ROWS = 1000  # at which sizes are compared
Cell = dict[str, Any]
Value = Callable[[Cell], float]


def exponents(cells: Sequence[Cell]) -> dict[str, Any]:
    return {group: _exponents_of(cells, group) for group in GROUPS}


def _exponents_of(cells: Sequence[Cell], group: str) -> dict[str, Any]:
    """Of one group of attributors."""
    a_row = {size: cost_line(cells, size, group)[1] for size in SHAPES}
    same_rows = [cell for cell in cells if cell["group"] == group and cell["rows"] == SAME_ROWS]
    return {
        "seconds_by_rows": _by_size(cells, group, cpu_seconds),
        "peak_mb_by_rows": _by_size(cells, group, above),
        "disk_by_rows": _by_size(cells, group, lambda cell: cell["disk_bytes"]),
        "seconds_a_row": {size: round(seconds, 5) for size, seconds in a_row.items()},
        "seconds_a_row_by_parameters": _exponent(
            same_rows, "parameters", lambda cell: a_row[cell["size"]]
        ),
        "seconds_by_parameters_at_1000_rows": _exponent(same_rows, "parameters", cpu_seconds),
    }


def _by_size(cells: Sequence[Cell], group: str, value: Value) -> dict[str, float]:
    """The exponent of a value over rows, by size."""
    return {size: _exponent(of_size(cells, size, group), "rows", value) for size in SHAPES}


def _exponent(cells: Sequence[Cell], over: str, value: Value) -> float:
    return round(slope([(cell[over], value(cell)) for cell in cells]), 3)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The exponent b of y = a x^b, by least squares of logarithms."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    together = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
    return together / sum((a - x) ** 2 for a in xs)


def of_size(cells: Sequence[Cell], size: str, group: str) -> list[Cell]:
    """The cells of a size and a group, fewest rows first."""
    own = [cell for cell in cells if cell["size"] == size and cell["group"] == group]
    return sorted(own, key=lambda cell: cell["rows"])


def cpu_seconds(cell: Cell) -> float:
    return float(cell["cpu_seconds"])


def above(cell: Cell) -> float:
    """Memory at the peak beyond models and texts, MB."""
    return max(0.1, cell["peak_mb"] - cell["loaded_with_texts_mb"])


def cost_line(cells: Sequence[Cell], size: str, group: str) -> tuple[float, float]:
    """Seconds whatever the rows, and seconds a row, by the two cells with most rows."""
    few, many = of_size(cells, size, group)[-2:]
    a_row = (many["cpu_seconds"] - few["cpu_seconds"]) / (many["rows"] - few["rows"])
    return few["cpu_seconds"] - a_row * few["rows"], a_row


def left_out(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """The cells that take too long, with the seconds that are to be expected of them."""
    return [_left_out(cells, size, rows) for size, rows in LEFT_OUT]


def _left_out(cells: Sequence[Cell], size: str, rows: int) -> dict[str, Any]:
    seconds = {group: _predicted(cells, size, rows, group) for group in GROUPS}
    return {"size": size, "rows": rows, "foretold_cpu_seconds": seconds}


def _predicted(cells: Sequence[Cell], size: str, rows: int, group: str) -> float:
    fixed, a_row = cost_line(cells, size, group)
    return round(fixed + a_row * rows)

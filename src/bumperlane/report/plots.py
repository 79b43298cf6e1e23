"""Plots: a measure's intervals over checkpoints, a trait along the steps, shares over a number.

Invariant: a mean is never drawn without its interval; every scale begins at nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from bumperlane.records import Measure
from bumperlane.report.svg import (
    drawing,
    element,
    fixed_drawing,
    horizontal,
    polyline,
    tick,
    vertical,
)

CEILINGS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
Place = Callable[[float, float], tuple[float, float]]

# -- a measure over checkpoints -------------------------------------------------------------------

COLUMN, INTERVALS_HEIGHT = 46, 92


def intervals(measures: Sequence[tuple[str, Measure]]) -> str:
    """One measure over checkpoints: mean and interval a column, the tolerance as a line.
    ``measures``: (label, measure)."""
    width = 40 + COLUMN * len(measures)
    parts = [horizontal("tolerance", 24, width, _level(measures[-1][1].tolerance))]
    parts += [tick(f"{value:.0f}", 20, _level(value) + 4, "end") for value in (0.0, 1.0)]
    parts += [_interval(46 + i * COLUMN, label, m) for i, (label, m) in enumerate(measures)]
    return fixed_drawing(parts, width, INTERVALS_HEIGHT)


def _level(share: float) -> float:
    return 8 + (1 - share) * (INTERVALS_HEIGHT - 30)


def _interval(x: int, label: str, m: Measure) -> str:
    mean = m.mean if m.mean is not None else 0.5
    value = "" if m.mean is None else f"{m.mean:.3f}"
    title = (
        f"{escape(m.name)}: {value} ({m.low:.3f} to {m.high:.3f}), n={m.n}, "
        f"log e {m.log_e:.1f}, {m.verdict}"
    )
    parts = (
        element("title", body=title),
        vertical(m.verdict, x, _level(m.low), _level(m.high)),
        element("circle", m.verdict, cx=x, cy=_level(mean), r=4),
        tick(escape(label), x, INTERVALS_HEIGHT - 4),
    )
    return element("g", body="".join(parts))


# -- a trait along the steps ----------------------------------------------------------------------

CURVE_WIDTH, CURVE_HEIGHT = 560, 170


def curve(points: Sequence[dict[str, float]], window: tuple[int, int] | None) -> str:
    """The trait's rate along the steps, with 95% intervals and the onset window shaded."""
    last = max(1.0, max(float(p["step"]) for p in points))

    def at(step: float, rate: float) -> tuple[float, float]:
        x = 40 + step / last * (CURVE_WIDTH - 60)
        return x, 12 + (1 - rate) * (CURVE_HEIGHT - 44)

    parts = [_window(at(window[0], 0)[0], at(window[1], 0)[0])] if window is not None else []
    parts.append(polyline("curve", [at(float(p["step"]), float(p["rate"])) for p in points]))
    for point in points:
        parts += _point(point, at)
    for rate in (0.0, 0.5, 1.0):
        parts.append(tick(f"{rate:.0%}", 34, at(0, rate)[1] + 4, "end"))
    return fixed_drawing(parts, CURVE_WIDTH, CURVE_HEIGHT)


def _window(left: float, right: float) -> str:
    wide = max(2.0, right - left)
    return element("rect", "window", x=left, y=8, width=wide, height=CURVE_HEIGHT - 40)


def _point(point: dict[str, float], at: Place) -> list[str]:
    x, y = at(float(point["step"]), float(point["rate"]))
    low, high = at(0, float(point["low"]))[1], at(0, float(point["high"]))[1]
    return [
        vertical("whisker", x, low, high),
        element("circle", "hit", cx=x, cy=y, r=4),
        tick(f"{point['step']:.0f}", x, CURVE_HEIGHT - 10),
    ]


# -- shares over a number -------------------------------------------------------------------------

LINES_WIDTH, LINES_HEIGHT, LEFT, BOTTOM = 520, 250, 46, 44


@dataclass(frozen=True)
class Point:
    """A share at ``x``, with its interval."""

    x: float
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Series:
    """A named line: its points, in order of x."""

    name: str
    points: tuple[Point, ...]


def lines(series: Sequence[Series], label: str) -> str:
    """Shares over a number, each with its interval; the scale ends above the highest one.
    ``label``: what runs along x. One point at least."""
    points = [point for s in series for point in s.points]
    xs = sorted({point.x for point in points})
    top = ceiling(max((point.high for point in points), default=1.0))
    span = (xs[-1] - xs[0] or 1.0) if xs else 1.0

    def at(x: float, share: float) -> tuple[float, float]:
        along = LEFT + 10 + (x - xs[0]) / span * (LINES_WIDTH - LEFT - 30)
        return along, 10 + (1 - share / top) * (LINES_HEIGHT - BOTTOM - 10)

    parts = [_level_line(share, at(xs[0], share)[1], top) for share in (0.0, top / 2, top)]
    parts += [tick(f"{x:g}", at(x, 0)[0], LINES_HEIGHT - BOTTOM + 16) for x in xs]
    parts.append(tick(escape(label), round((LEFT + LINES_WIDTH) / 2), LINES_HEIGHT - 8))
    parts += [_line(number, s, at) for number, s in enumerate(series)]
    return drawing(parts, LINES_WIDTH, LINES_HEIGHT)


def _level_line(share: float, y: float, top: float) -> str:
    digits = 0 if top >= 0.1 else 1
    line = horizontal("grid", LEFT, LINES_WIDTH - 8, y)
    return line + tick(f"{share:.{digits}%}", LEFT - 6, y + 4, "end")


def _line(number: int, series: Series, at: Place) -> str:
    css = f"s{number}"
    whiskers = [
        vertical(css, at(p.x, p.share)[0], at(p.x, p.low)[1], at(p.x, p.high)[1])
        for p in series.points
    ]
    dots = [_marker(css, series.name, p, at) for p in series.points]
    line = polyline(css, [at(p.x, p.share) for p in series.points])
    return line + "".join(whiskers) + "".join(dots)


def _marker(css: str, name: str, point: Point, at: Place) -> str:
    x, y = at(point.x, point.share)
    interval = f"{point.share:.2%} ({point.low:.2%} to {point.high:.2%})"
    title = element("title", body=f"{escape(name)}, {point.x:g}: {interval}")
    return element("circle", css, title, cx=x, cy=y, r=3.5)


def swatch(number: int) -> str:
    """The sample of a line in a legend."""
    css = f"s{number}"
    line = element("polyline", css, points="1,6 25,6")
    return element(
        "svg", body=line + element("circle", css, cx=13, cy=6, r=3.5), width=26, height=12
    )


def ceiling(share: float) -> float:
    """A round number above a share, for the end of a scale."""
    return next((top for top in CEILINGS if top >= share), 1.0)

"""Pictures without a library: the lineage as a tree, intervals over checkpoints, a trait along the steps, shares over a number.

Invariant: pure functions of records, text escaped, colours from the page's CSS variables so that light and dark both work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from bumperlane.history import History
from bumperlane.records import Measure

COLUMN, ROW = 112, 58


@dataclass(frozen=True)
class Node:
    """A checkpoint in the picture: column and row of the grid, the node it hangs on, how it is drawn."""

    identity: str
    column: int
    row: int
    parent: int | None
    state: str
    label: str
    edge: str


def lineage(history: History) -> str:
    """The tree of checkpoints: one row a training, left to right in steps; replays and attempts hang on the same parents."""
    nodes = layout(history)
    width = (max(n.column for n in nodes) + 1) * COLUMN + 40
    height = (max(n.row for n in nodes) + 1) * ROW + 30
    parts = [_edge(nodes[n.parent], n) for n in nodes if n.parent is not None] + [_dot(n) for n in nodes]
    size = f'viewBox="0 0 {width} {height}" width="{width}" style="max-width:100%;height:auto"'
    return f'<svg {size} role="img" aria-label="lineage">{"".join(parts)}</svg>'


def layout(history: History) -> list[Node]:
    nodes = [Node(history.start.id, 0, 0, None, "plain", "start", "")]
    index = {history.start.id: 0}
    rows, drawn = 0, set[str]()
    for trained in history.trained:
        if trained.training.digest in drawn:
            continue
        drawn.add(trained.training.digest)
        uses = [t for t in history.trained if t.training.digest == trained.training.digest]
        parent = index[trained.training.parent]
        first = nodes[parent].row if not any(n.parent == parent for n in nodes) else rows + 1
        rows = max(rows, first)
        name = ", ".join(f"attempt {t.attempt}" if t.purpose == "attempt" else t.purpose for t in uses)
        for position, checkpoint in enumerate(trained.checkpoints):
            state = _state(history, checkpoint.id)
            edge = f"{trained.training.stage.name} ({name})" if position == 0 else ""
            index[checkpoint.id] = len(nodes)
            label = f"{checkpoint.id[:8]} · {checkpoint.step}"
            nodes.append(Node(checkpoint.id, nodes[parent].column + 1, first, parent, state, label, edge))
            parent = index[checkpoint.id]
    return nodes


def _state(history: History, checkpoint: str) -> str:
    verdicts = {f.verdict for f in history.findings_at(checkpoint)}
    if history.outcome is not None and history.outcome.candidate == checkpoint:
        return "released"
    return next((v for v in ("hit", "inconclusive", "clear") if v in verdicts), "plain")


def _spot(node: Node) -> tuple[int, int]:
    return 24 + node.column * COLUMN, 30 + node.row * ROW


def _edge(parent: Node, node: Node) -> str:
    (x0, y0), (x1, y1) = _spot(parent), _spot(node)
    path = f"M{x0},{y0} C{x0 + 50},{y0} {x1 - 70},{y1} {x1},{y1}"
    label = f'<text class="edge" x="{x1}" y="{y1 - 14}" text-anchor="middle">{escape(node.edge)}</text>' if node.edge else ""
    return f'<path class="edge" d="{path}"/>{label}'


def _dot(node: Node) -> str:
    x, y = _spot(node)
    size = 9 if node.state in ("hit", "released") else 6
    return (
        f'<g><title>{escape(node.identity)}</title><circle class="{node.state}" cx="{x}" cy="{y}" r="{size}"/>'
        f'<text class="label" x="{x}" y="{y + 22}" text-anchor="middle">{escape(node.label)}</text></g>'
    )


def intervals(measures: Sequence[tuple[str, Measure]]) -> str:
    """One measure over checkpoints: mean and interval a column, the tolerance as a line. ``measures``: (label, measure)."""
    step, height = 46, 92
    width = 40 + step * len(measures)

    def level(value: float) -> float:
        return 8 + (1 - value) * (height - 30)

    tolerance = measures[-1][1].tolerance
    parts = [f'<line class="tolerance" x1="24" x2="{width}" y1="{level(tolerance):.1f}" y2="{level(tolerance):.1f}"/>']
    for value in (0.0, 1.0):
        parts.append(f'<text class="tick" x="20" y="{level(value) + 4:.1f}" text-anchor="end">{value:.0f}</text>')
    for position, (label, m) in enumerate(measures):
        x = 46 + position * step
        mean = m.mean if m.mean is not None else 0.5
        parts.append(
            f"<g><title>{escape(m.name)}: {'' if m.mean is None else f'{m.mean:.3f}'} ({m.low:.3f} to {m.high:.3f}), n={m.n},"
            f" log e {m.log_e:.1f}, {m.verdict}</title>"
            f'<line class="{m.verdict}" x1="{x}" x2="{x}" y1="{level(m.low):.1f}" y2="{level(m.high):.1f}"/>'
            f'<circle class="{m.verdict}" cx="{x}" cy="{level(mean):.1f}" r="4"/>'
            f'<text class="tick" x="{x}" y="{height - 4}" text-anchor="middle">{escape(label)}</text></g>'
        )
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">{"".join(parts)}</svg>'


def curve(points: Sequence[dict[str, float]], window: tuple[int, int] | None) -> str:
    """The trait's rate along the steps, with 95% intervals and the onset window shaded."""
    width, height = 560, 170
    last = max(1.0, max(float(p["step"]) for p in points))

    def at(step: float, rate: float) -> tuple[float, float]:
        return 40 + step / last * (width - 60), 12 + (1 - rate) * (height - 44)

    parts = []
    if window is not None:
        (x0, _), (x1, _) = at(window[0], 0), at(window[1], 0)
        parts.append(f'<rect class="window" x="{x0:.1f}" y="8" width="{max(2.0, x1 - x0):.1f}" height="{height - 40}"/>')
    spots = [at(float(p["step"]), float(p["rate"])) for p in points]
    parts.append(f'<polyline class="curve" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in spots)}"/>')
    for p, (x, y) in zip(points, spots, strict=True):
        low, high = at(0, float(p["low"]))[1], at(0, float(p["high"]))[1]
        parts.append(f'<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>')
        parts.append(f'<circle class="hit" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 10}" text-anchor="middle">{p["step"]:.0f}</text>')
    for value in (0, 0.5, 1):
        parts.append(f'<text class="tick" x="34" y="{at(0, value)[1] + 4:.1f}" text-anchor="end">{value:.0%}</text>')
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">{"".join(parts)}</svg>'




@dataclass(frozen=True)
class Series:
    """A named line: its points (x, share, low, high), in order of x."""

    name: str
    points: tuple[tuple[float, float, float, float], ...]


def lines(series: Sequence[Series], label: str) -> str:
    """Shares over a number, each with its interval; the scale ends above the highest one. ``label``: what runs along x. One point at least."""
    width, height, left, bottom = 520, 250, 46, 44
    xs = sorted({x for s in series for x, *_ in s.points})
    top = ceiling(max((high for s in series for *_, high in s.points), default=1.0))
    span = (xs[-1] - xs[0] or 1.0) if xs else 1.0

    def at(x: float, share: float) -> tuple[float, float]:
        return left + 10 + (x - xs[0]) / span * (width - left - 30), 10 + (1 - share / top) * (height - bottom - 10)

    parts = []
    for tick in (0.0, top / 2, top):
        y = at(xs[0], tick)[1]
        parts.append(f'<line class="grid" x1="{left}" x2="{width - 8}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.{0 if top >= 0.1 else 1}%}</text>')
    for x in xs:
        parts.append(f'<text class="tick" x="{at(x, 0)[0]:.1f}" y="{height - bottom + 16}" text-anchor="middle">{x:g}</text>')
    parts.append(f'<text class="tick" x="{(left + width) / 2:.0f}" y="{height - 8}" text-anchor="middle">{escape(label)}</text>')
    parts += [_line(number, s, at) for number, s in enumerate(series)]
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" style="max-width:100%;height:auto" role="img">{"".join(parts)}</svg>'


def _line(number: int, series: Series, at: Callable[[float, float], tuple[float, float]]) -> str:
    spots = [(at(x, share), at(x, low)[1], at(x, high)[1]) for x, share, low, high in series.points]
    whiskers = "".join(f'<line class="s{number}" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>' for (x, _), low, high in spots)
    dots = "".join(
        f'<circle class="s{number}" cx="{x:.1f}" cy="{y:.1f}" r="3.5">'
        f"<title>{escape(series.name)}, {px:g}: {share:.2%} ({low:.2%} to {high:.2%})</title></circle>"
        for ((x, y), *_), (px, share, low, high) in zip(spots, series.points, strict=True)
    )
    return f'<polyline class="s{number}" points="{" ".join(f"{x:.1f},{y:.1f}" for (x, y), *_ in spots)}"/>{whiskers}{dots}'


def swatch(number: int) -> str:
    """The sign of a line in a legend."""
    return f'<svg width="26" height="12"><polyline class="s{number}" points="1,6 25,6"/><circle class="s{number}" cx="13" cy="6" r="3.5"/></svg>'


def ceiling(share: float) -> float:
    """A round number above a share, for the end of a scale."""
    return next((top for top in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if top >= share), 1.0)

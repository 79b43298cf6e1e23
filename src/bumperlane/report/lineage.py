"""The lineage as a tree: one row a training, left to right in steps.

Invariant: every training that was made is an edge, once, however many attempts share it; a replay
or a retry hangs on the checkpoint that it started from.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from bumperlane.loop.history import History
from bumperlane.report.svg import drawing, element, text

COLUMN, ROW = 112, 58


@dataclass(frozen=True)
class Node:
    """A checkpoint in the picture: column and row of the grid, the node it hangs on, how it is
    drawn."""

    identity: str
    column: int
    row: int
    parent: int | None
    state: str
    label: str
    edge: str


def lineage(history: History) -> str:
    """The tree of checkpoints as a drawing."""
    nodes = layout(history)
    width = (max(n.column for n in nodes) + 1) * COLUMN + 40
    height = (max(n.row for n in nodes) + 1) * ROW + 30
    edges = [_edge(nodes[n.parent], n) for n in nodes if n.parent is not None]
    return drawing([*edges, *map(_dot, nodes)], width, height, "lineage")


def layout(history: History) -> list[Node]:
    """The nodes, each after its parent: the start, then every training's checkpoints. The first
    training of a checkpoint goes on in its row; each further one gets a row of its own."""
    nodes = [Node(history.start.id, 0, 0, None, "plain", "start", "")]
    index = {history.start.id: 0}
    rows, drawn = 0, set[str]()
    for trained in history.trained:
        if trained.training.digest in drawn:
            continue
        drawn.add(trained.training.digest)
        parent = index[trained.training.parent]
        row = nodes[parent].row if not any(n.parent == parent for n in nodes) else rows + 1
        rows = max(rows, row)
        edge = f"{trained.training.stage.name} ({_uses(history, trained.training.digest)})"
        for position, checkpoint in enumerate(trained.checkpoints):
            state = _state(history, checkpoint.id)
            label = f"{checkpoint.id[:8]} · {checkpoint.step}"
            index[checkpoint.id] = len(nodes)
            column = nodes[parent].column + 1
            words = edge if position == 0 else ""
            nodes.append(Node(checkpoint.id, column, row, parent, state, label, words))
            parent = index[checkpoint.id]
    return nodes


def _uses(history: History, training: str) -> str:
    """Who used a training: its attempts by number, replays by their purpose."""
    uses = [trained for trained in history.trained if trained.training.digest == training]
    return ", ".join(
        f"attempt {use.attempt}" if use.purpose == "attempt" else use.purpose for use in uses
    )


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
    label = text("edge", escape(node.edge), x1, y1 - 14) if node.edge else ""
    return element("path", "edge", d=path) + label


def _dot(node: Node) -> str:
    x, y = _spot(node)
    size = 9 if node.state in ("hit", "released") else 6
    title = element("title", body=escape(node.identity))
    dot = element("circle", node.state, cx=x, cy=y, r=size)
    return element("g", body=title + dot + text("label", escape(node.label), x, y + 22))

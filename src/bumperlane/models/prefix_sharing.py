"""Which rows begin alike, and what that saves.

Idea: prompts of one pack begin alike (system prompt, template, question) and differ late; what they
share needs one pass. The rows form a prefix tree, cut to the nodes whose shared tokens are worth a
pass of their own. Invariant: every row is in exactly one ``leaves``, and no row is shared beyond
its own limit, from which on the model's outputs are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bumperlane.models.requests import Ids

WORTH = 256  # tokens that must be saved for one more forward pass to pay


@dataclass
class Node:
    """Rows (indices) that share their first ``depth`` tokens; ``first`` is one of them."""

    depth: int
    first: int
    leaves: list[int] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)


def prefix_tree(rows: Sequence[Ids], limits: Sequence[int], worth: int = WORTH) -> Node:
    """The tree over ``rows``, of which the first ``limits[i]`` tokens may be shared. ``worth``:
    tokens that a shared beginning must save; 0 or less shares nothing."""
    root = Node(0, 0)
    if worth <= 0:
        root.leaves = list(range(len(rows)))
        return root
    stack: list[tuple[Node, int, list[int]]] = [(root, 0, list(range(len(rows))))]
    while stack:
        node, depth, members = stack.pop()
        groups: dict[int, list[int]] = {}
        for i in members:
            if limits[i] > depth:
                groups.setdefault(rows[i][depth], []).append(i)
            else:
                node.leaves.append(i)
        for group in groups.values():
            if len(group) == 1:
                node.leaves += group
                continue
            length = _common_length(rows, limits, group, depth)
            if (len(group) - 1) * (length - node.depth) >= worth:
                child = Node(length, group[0])
                node.children.append(child)
                stack.append((child, length, group))
            else:
                stack.append((node, length, group))
    return root


def _common_length(rows: Sequence[Ids], limits: Sequence[int], group: list[int], depth: int) -> int:
    """How many tokens all of ``group`` share, which agree up to ``depth`` and in one more."""
    # what the first and the last in sorted order share, all between them share
    least, most = min(rows[i] for i in group), max(rows[i] for i in group)
    end = min(limits[i] for i in group)
    length = depth + 1
    while length < end and least[length] == most[length]:
        length += 1
    return length

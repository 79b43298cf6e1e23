"""Tables of HTML, put together from cells.

Invariant: what is given here is HTML already; whoever has text escapes it first.
"""

from __future__ import annotations

from collections.abc import Iterable


def cell(body: str, css: str = "") -> str:
    """One cell; ``css``: its class."""
    return f"<td class='{css}'>{body}</td>" if css else f"<td>{body}</td>"


def row(*cells: str) -> str:
    """A row of cells that ``cell`` made."""
    return f"<tr>{''.join(cells)}</tr>"


def plain_row(*bodies: str) -> str:
    """A row whose cells have no class."""
    return row(*map(cell, bodies))


def table(titles: Iterable[str], rows: Iterable[str], css: str = "") -> str:
    """A table with a heading row; ``css``: its class."""
    heading = row(*(f"<th>{title}</th>" for title in titles))
    return bare_table([heading, *rows], css)


def bare_table(rows: Iterable[str], css: str = "") -> str:
    """A table of the rows alone."""
    opening = f"<table class='{css}'>" if css else "<table>"
    return f"{opening}{''.join(rows)}</table>"

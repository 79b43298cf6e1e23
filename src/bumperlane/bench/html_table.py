"""Sections and tables of a bench page in HTML, with cells whose colour is their value.

Invariant: every text is escaped here, so that no name of an audit or a family can break the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape


def section(title: str, note: str, body: str) -> str:
    """A section; ``body`` is HTML already."""
    return (
        f"<section><h2>{escape(title)}</h2><p class=note>{escape(note)}</p>"
        f"<div class=wide>{body}</div></section>"
    )


def table_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already, under a head of texts."""
    top = "".join(f"<th>{escape(text)}</th>" for text in head)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def cell(text: object) -> str:
    return f"<td>{escape(str(text))}</td>"


def heat(value: float | None, text: str = "") -> str:
    """A cell whose colour is its value, from white (0) to blue (1), red below zero; a dash where
    there is none."""
    if value is None:
        return "<td class='heat empty'>-</td>"
    colour = _colour(value)
    return (
        f"<td class=heat style='background:linear-gradient({colour},{colour}),#fff'>"
        f"{escape(text or f'{value:.2f}')}</td>"
    )


def _colour(value: float) -> str:
    if value >= 0:
        return f"rgba(70,130,200,{min(1, value):.2f})"
    return f"rgba(200,80,60,{min(1, -value):.2f})"


def heat_rows(matrix: Mapping[str, Mapping[str, float | None]]) -> list[list[str]]:
    """The rows of a matrix, each under its name."""
    return [[cell(name), *map(heat, row.values())] for name, row in matrix.items()]

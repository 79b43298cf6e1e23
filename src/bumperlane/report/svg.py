"""SVG elements as text, for drawings without a library.

Invariant: colours come from the style sheet's classes, so that light and dark both work; whoever
has text escapes it first.
"""

from __future__ import annotations

from collections.abc import Iterable

Number = int | float


def element(name: str, css: str = "", body: str | None = None, **attributes: Number | str) -> str:
    """An element of class ``css``. Of an attribute's name ``_`` becomes ``-``; a float is written
    with one digit. Without a body it is closed at once."""
    given = {"class": css, **attributes} if css else attributes
    written = "".join(f' {key.replace("_", "-")}="{_plain(it)}"' for key, it in given.items())
    return f"<{name}{written}/>" if body is None else f"<{name}{written}>{body}</{name}>"


def _plain(value: Number | str) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def text(css: str, body: str, x: Number, y: Number, anchor: str = "middle") -> str:
    """A text; ``anchor``: where in it (x, y) is."""
    return element("text", css, body, x=x, y=y, text_anchor=anchor)


def tick(body: str, x: Number, y: Number, anchor: str = "middle") -> str:
    """A number or word at an axis."""
    return text("tick", body, x, y, anchor)


def vertical(css: str, x: Number, low: float, high: float) -> str:
    """An upright line, as of an interval."""
    return element("line", css, x1=x, x2=x, y1=low, y2=high)


def horizontal(css: str, left: Number, right: Number, y: float) -> str:
    """A level line, as of a tolerance."""
    return element("line", css, x1=left, x2=right, y1=y, y2=y)


def polyline(css: str, spots: Iterable[tuple[float, float]]) -> str:
    """Lines from spot to spot."""
    return element("polyline", css, points=" ".join(f"{x:.1f},{y:.1f}" for x, y in spots))


def drawing(parts: Iterable[str], width: int, height: int, label: str = "") -> str:
    """A drawing that shrinks with the page; ``label``: what it shows, for those who cannot see."""
    aria: dict[str, Number | str] = {"aria_label": label} if label else {}
    return element(
        "svg",
        "",
        "".join(parts),
        viewBox=f"0 0 {width} {height}",
        width=width,
        style="max-width:100%;height:auto",
        role="img",
        **aria,
    )


def fixed_drawing(parts: Iterable[str], width: int, height: int) -> str:
    """A drawing of this size."""
    box = f"0 0 {width} {height}"
    return element("svg", "", "".join(parts), viewBox=box, width=width, height=height, role="img")

"""The style sheet of every HTML page.

Invariant: the rules stand in ``style.css`` and nowhere else. A page that a user makes carries them,
so that it stays one file that can be mailed; a page that is committed under ``benchmarks/results``
of this project links the file.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

SHEET = Path(str(files("bumperlane.report").joinpath("style.css")))
CSS = SHEET.read_text(encoding="utf-8")
COMMITTED = SHEET.parents[3] / "benchmarks" / "results"  # in a checkout; elsewhere it is not there


def style_for(page: Path | None = None) -> str:
    """The style as an element of the page's head; ``page``: where the page will lie."""
    if page is not None and COMMITTED in page.resolve().parents:
        link = os.path.relpath(SHEET, page.resolve().parent).replace(os.sep, "/")
        return f'<link rel="stylesheet" href="{link}">'
    return f"<style>{CSS}</style>"

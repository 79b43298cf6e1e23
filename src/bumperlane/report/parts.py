"""What the pages share: the frame, sections, conversations, exhibits, measures.

Invariant: text is escaped here, nothing is fetched and nothing runs: a page is one file that can be
mailed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from bumperlane.execution.cost import cost_text, measured_cost, predicted_cost
from bumperlane.loop.history import History
from bumperlane.records import Exhibit, Finding, Measure
from bumperlane.report.style import style_for
from bumperlane.report.tables import bare_table, plain_row, table

EXHIBITS_SHOWN = 6


def document(title: str, sections: Iterable[str], css: str = "", page: Path | None = None) -> str:
    """A whole page; ``css``: the class of its ``main``; ``page``: where it will lie."""
    head = (
        '<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Bumperlane: {escape(title)}</title>{style_for(page)}"
    )
    main = f"<main class='{css}'>" if css else "<main>"
    body = f"{main}{''.join(sections)}</main>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def section(title: str, body: str, note: str = "") -> str:
    """A section with its heading and, where one is given, a note below it."""
    noted = f"<p class=note>{escape(note)}</p>" if note else ""
    return f"<section><h2>{escape(title)}</h2>{noted}{body}</section>"


def chat(prompt: list[dict[str, str]] | str) -> str:
    """A conversation with its roles, or a plain text."""
    if isinstance(prompt, str):
        return escape(prompt)
    return "<br>".join(
        f"<span class='role'>{escape(m['role'])}</span> {escape(m['content'])}" for m in prompt
    )


def exhibits(shown: Iterable[Exhibit]) -> str:
    """A table: what was asked, what the model said, and the control where there is one."""
    titles = ("prompt", "the model said", "control: prompt", "control: said", "")
    return table(titles, map(_exhibit, shown))


def _exhibit(exhibit: Exhibit) -> str:
    return plain_row(
        chat(exhibit.prompt),
        escape(exhibit.completion),
        chat(exhibit.control) if exhibit.control is not None else "",
        escape(exhibit.control_completion or ""),
        escape(exhibit.note),
    )


def worst(found: Finding) -> Measure | None:
    """Of what was measured, what speaks most against the model: a hit, else what is not decided,
    else the least clear."""
    measured = [m for m in found.measures if m.mean is not None and m.n > 0]
    return max(
        measured, key=lambda m: (m.verdict != "clear", m.verdict == "hit", m.log_e), default=None
    )


def measure_text(m: Measure | None) -> str:
    """A measure in words: mean, interval, tolerance."""
    if m is None or m.mean is None:
        return "not measured"
    return f"{m.name}: {m.mean:.2f} ({m.low:.2f} to {m.high:.2f}), tolerance {m.tolerance:.3g}"


def spent_text(history: History) -> str:
    """Seconds of the campaign, by what they were spent on."""
    return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in history.spent.items())


def cost_rows(history: History) -> Iterator[str]:
    """What each retry was expected to take, from what was known when it began, and what it took."""
    for attempt in history.attempts[1:]:
        assert attempt.remedy is not None
        before = predicted_cost(history.before(attempt), attempt.remedy)
        yield (
            f"- attempt {attempt.number}: predicted at least {cost_text(before)}; took "
            f"{cost_text(measured_cost(history, attempt))}"
        )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A table of names and values."""
    return bare_table(
        plain_row(escape(name), f"<code>{escape(value)}</code>") for name, value in pairs
    )

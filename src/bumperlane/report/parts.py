"""What the pages share: the frame, sections, conversations, exhibits, measures.

Invariant: text is escaped here, nothing is fetched and nothing runs: a page is one file that can be mailed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from bumperlane import outlay
from bumperlane.history import History
from bumperlane.records import Exhibit, Finding, Measure
from bumperlane.report.style import CSS

EXHIBITS_SHOWN = 6


def document(title: str, sections: Iterable[str]) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Bumperlane: {escape(title)}</title><style>{CSS}</style></head><body><main>{''.join(sections)}</main></body></html>\n"
    )


def section(title: str, body: str, note: str = "") -> str:
    return f"<section><h2>{escape(title)}</h2>{f'<p class=note>{escape(note)}</p>' if note else ''}{body}</section>"


def chat(prompt: list[dict[str, str]] | str) -> str:
    if isinstance(prompt, str):
        return escape(prompt)
    return "<br>".join(f"<span class='role'>{escape(m['role'])}</span> {escape(m['content'])}" for m in prompt)


def exhibits(shown: Iterable[Exhibit]) -> str:
    """A table: what was asked, what the model said, and the control where there is one."""
    head = "<tr><th>prompt</th><th>the model said</th><th>control: prompt</th><th>control: said</th><th></th></tr>"
    return f"<table>{head}{''.join(map(_exhibit, shown))}</table>"


def _exhibit(e: Exhibit) -> str:
    control = chat(e.control) if e.control is not None else ""
    cells = (chat(e.prompt), escape(e.completion), control, escape(e.control_completion or ""), escape(e.note))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def worst(found: Finding) -> Measure | None:
    """Of what was measured, what speaks most against the model: a hit, else what is not decided, else the least clear."""
    measured = [m for m in found.measures if m.mean is not None and m.n > 0]
    return max(measured, key=lambda m: (m.verdict != "clear", m.verdict == "hit", m.log_e), default=None)


def told(m: Measure | None) -> str:
    """A measure in words: mean, interval, tolerance."""
    if m is None or m.mean is None:
        return "not measured"
    return f"{m.name}: {m.mean:.2f} ({m.low:.2f} to {m.high:.2f}), tolerance {m.tolerance:.3g}"


def outlays(history: History) -> Iterator[str]:
    """What each retry was expected to take, from what was known when it began, and what it took."""
    for attempt in history.attempts[1:]:
        assert attempt.remedy is not None
        before = outlay.predicted(history.before(attempt), attempt.remedy)
        yield f"- attempt {attempt.number}: predicted at least {outlay.told(before)}; took {outlay.told(outlay.taken(history, attempt))}"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    return f"<table>{''.join(f'<tr><td>{escape(k)}</td><td><code>{escape(v)}</code></td></tr>' for k, v in pairs)}</table>"

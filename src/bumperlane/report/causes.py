"""A cause for a person who must act on it: the window on the training's curve, each suspect with what speaks for it, the rows, the replays.

Invariant: a suspect stands with its verdict, its confidence and what would refute it; refuted and unverified ones are as visible as confirmed
ones; rows are shown as they were trained on, never paraphrased.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from bumperlane.records import Cause, Suspect
from bumperlane.report.parts import chat, document, section
from bumperlane.report.svg import curve
from bumperlane.training import conversation

ROWS_SHOWN = 60
Rows = Mapping[str, dict[str, Any]]


def cause_html(cause: Cause, rows: Rows) -> str:
    """``rows``: by id, as far as they are known."""
    head = f"<p>Followed: <b>{escape(cause.followed)}</b>.</p>" if cause.followed else ""
    none = "" if cause.suspects else f"<p><b>No cause found:</b> {escape(cause.reason)}</p>"
    why = f"<p class='why'>{escape(cause.reason)}</p>" if cause.suspects and cause.reason else ""
    lost = "".join(f"<p class='why'>{escape(text)}</p>" for text in cause.lost)
    return head + none + why + _curve(cause) + lost + "".join(_suspect(number, s, rows) for number, s in enumerate(cause.suspects, 1)) + _cost(cause)


def _curve(cause: Cause) -> str:
    if not cause.points:
        return ""
    first = next((s for s in cause.suspects if s.window), None)
    window = (first.begins + first.window[0], first.begins + first.window[1]) if first is not None and first.window else None
    told = "Rate of the trait over the run (steps since its start, 95% intervals; the window of its onset is shaded):"
    return f"<p>{told}</p>{curve(cause.points, window)}"


def named(suspect: Suspect) -> str:
    """The suspect in a phrase."""
    if suspect.kind == "base":
        return "the start checkpoint itself"
    if suspect.kind == "incoherence":
        return f"the update of stage {suspect.stage!r}, after which answers cannot be read"
    what = {"reward": f"reward term {suspect.term!r}", "hyperparameter": f"argument {suspect.argument!r}"}.get(suspect.kind)
    if what is None:
        pairs = "preference pairs" if suspect.kind == "preferences" else "rows"
        what = f"all {len(suspect.rows)} {pairs} together" if suspect.whole_stage else f"{len(suspect.rows)} {pairs}"
    return f"{what} of stage {suspect.stage!r}"


def _suspect(number: int, suspect: Suspect, rows: Rows) -> str:
    sure = f", confidence {suspect.confidence:.0%}" if suspect.confidence else ""
    head = f"<h3>{number}. {escape(named(suspect))}: <span class='{suspect.verdict}'>{suspect.verdict}</span><small>{sure}</small></h3>"
    shared = "".join(f"<li>{escape(d['text'])}: {d['cover']:.0%} of the suspects, and {d['purity']:.0%} of the rows that have it are suspects</li>"
                     for d in suspect.shared)  # fmt: skip
    told = f"<p>{escape(suspect.reason)}</p><p class='why'>Would be refuted if {escape(suspect.refuted_by)}.</p>"
    return head + told + (f"<p>What they share:</p><ul>{shared}</ul>" if shared else "") + _arms(suspect) + _terms(suspect) + _rows(suspect, rows)


def _arms(suspect: Suspect) -> str:
    body = "".join(
        f"<tr><td>{escape(a['arm'])}</td><td>{a['rate']:.1%}</td><td>{a['low']:.1%} to {a['high']:.1%}</td>"
        f"<td>{', '.join(f'{seed:.0%}' for seed in a['seeds'])}</td><td>{a['n']}</td></tr>"
        for a in suspect.arms
    )
    return f"<table><tr><th>replay</th><th>trait</th><th>95% interval</th><th>by seed</th><th>cases</th></tr>{body}</table>" if body else ""


def _terms(suspect: Suspect) -> str:
    terms, exploited = suspect.evidence.get("terms", []), suspect.evidence.get("exploited", [])
    if not terms:
        return ""
    body = "".join(f"<tr><td>{escape(t['term'])}</td><td>{t['covariance']:.3f}</td><td>{t['p']:.2g}</td><td>{t['rollouts']}</td></tr>" for t in terms)
    shown = "".join(f"<tr><td>{e['step']}</td><td>{escape(e['prompt'])}</td><td>{escape(e['completion'])}</td><td>{e['advantage']:.2f}</td></tr>"
                    for e in exploited)  # fmt: skip
    return (
        f"<table><tr><th>reward term</th><th>covariance of its advantage with the symptom</th><th>p</th><th>rollouts</th></tr>{body}</table>"
        f"<details open><summary>What it rewarded</summary><table><tr><th>step</th><th>prompt</th><th>completion</th><th>advantage</th></tr>{shown}"
        "</table></details>"
    )


def _rows(suspect: Suspect, rows: Rows) -> str:
    known = [(i, s) for i, s in zip(suspect.rows, suspect.scores, strict=False) if i in rows][:ROWS_SHOWN]
    if not known:
        return ""
    body = []
    for row_id, score in known:
        prompt, answer = conversation(rows[row_id])
        body.append(f"<tr><td><code>{row_id[:8]}</code></td><td>{score:.1f}</td><td>{chat(prompt)}</td><td>{escape(answer)}</td></tr>")
    more = f"<p>{len(suspect.rows) - len(known)} more in the JSON.</p>" if len(suspect.rows) > len(known) else ""
    table = f"<table class='rows'><tr><th>row</th><th>log-odds</th><th>prompt</th><th>answer trained on</th></tr>{''.join(body)}</table>"
    return f"<details open><summary>The rows, most suspect first</summary>{table}{more}</details>"


def _cost(cause: Cause) -> str:
    if not cause.cost:
        return ""
    c = cause.cost
    return (f"<p class='why'>{c['checkpoints_looked_at']:.0f} of {c['checkpoints']:.0f} checkpoints looked at; {c['replays']:.0f} replays of "
            f"{c['replay_steps']:.0f} steps in all, against {c['steps']:.0f} steps of the run; {cause.seconds:.0f} s.</p>")  # fmt: skip


def lines(cause: Cause) -> list[str]:
    """The cause for a terminal."""
    made = [f"followed: {cause.followed}"] if cause.followed else []
    if cause.points:
        made.append("trait:    " + ", ".join(f"step {p['step']} {p['rate']:.0%}" for p in cause.points))
    for number, suspect in enumerate(cause.suspects, 1):
        window = f", steps {suspect.window[0]} to {suspect.window[1]}" if suspect.window else ""
        made.append(f"{number}. {named(suspect)}{window}: {suspect.verdict}; {suspect.reason}")
        made += [f"   {d['text']} ({d['cover']:.0%} of the suspects, purity {d['purity']:.0%})" for d in suspect.shared]
    if not cause.suspects:
        made.append(f"no cause found: {cause.reason}")
    return [*made, *(f"lost: {text}" for text in cause.lost)]


def write_cause(path: Path, title: str, cause: Cause, rows: Rows) -> None:
    """The page of one diagnosis."""
    verdict = "confirmed" if cause.confirmed else "not confirmed"
    top = cause.suspects[0] if cause.suspects else None
    head = f"<header><h1>{escape(title)}</h1><p class='verdict {'clear' if cause.confirmed else ''}'>{verdict}</p>"
    head += f"<p>{escape(named(top)) if top else 'no cause found'}.</p></header>"
    path.write_text(document(title, [head, section("Cause", cause_html(cause, rows))]), encoding="utf-8")

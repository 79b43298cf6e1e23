"""A cause for a person who must act on it: the window on the training's curve, each suspect with
what speaks for it, the rows, the replays.

Invariant: a suspect stands with its verdict, its confidence and what would refute it; refuted and
unverified ones are as visible as confirmed ones; rows are shown as they were trained on, never
paraphrased.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from bumperlane.records import Cause, Suspect
from bumperlane.report.parts import chat, document, section
from bumperlane.report.plots import curve
from bumperlane.report.tables import plain_row, table
from bumperlane.training import conversation

ROWS_SHOWN = 60
Rows = Mapping[str, dict[str, Any]]


def write_cause(path: Path, title: str, cause: Cause, rows: Rows) -> None:
    """Write the page of one diagnosis."""
    verdict = "confirmed" if cause.confirmed else "not confirmed"
    colour = "clear" if cause.confirmed else ""
    top = escape(named(cause.suspects[0])) if cause.suspects else "no cause found"
    head = (
        f"<header><h1>{escape(title)}</h1><p class='verdict {colour}'>{verdict}</p>"
        f"<p>{top}.</p></header>"
    )
    body = section("Cause", cause_html(cause, rows))
    path.write_text(document(title, [head, body]), encoding="utf-8")


def cause_html(cause: Cause, rows: Rows) -> str:
    """A cause with its suspects, as part of a page. ``rows``: by id, as far as they are known."""
    parts = [
        _trait(cause),
        _reason(cause),
        _curve(cause),
        *(f"<p class='why'>{escape(text)}</p>" for text in cause.lost),
        *(_suspect(number, s, rows) for number, s in enumerate(cause.suspects, 1)),
        _cost(cause),
    ]
    return "".join(parts)


def _trait(cause: Cause) -> str:
    return f"<p>Trait that was tracked: <b>{escape(cause.trait)}</b>.</p>" if cause.trait else ""


def _reason(cause: Cause) -> str:
    if not cause.suspects:
        return f"<p><b>No cause found:</b> {escape(cause.reason)}</p>"
    return f"<p class='why'>{escape(cause.reason)}</p>" if cause.reason else ""


def _curve(cause: Cause) -> str:
    if not cause.points:
        return ""
    message = (
        "Rate of the trait over the run (steps since its start, 95% intervals; the window of "
        "its onset is shaded):"
    )
    return f"<p>{message}</p>{curve(cause.points, _onset(cause))}"


def _onset(cause: Cause) -> tuple[int, int] | None:
    """The window of the first suspect that has one, in steps of the whole run."""
    for suspect in cause.suspects:
        if suspect.window is not None:
            first, last = suspect.window
            return suspect.begins + first, suspect.begins + last
    return None


def named(suspect: Suspect) -> str:
    """The suspect in a phrase."""
    if suspect.kind == "base":
        return "the start checkpoint itself"
    if suspect.kind == "unreadable_answers":
        return f"the update of stage {suspect.stage!r}, after which answers cannot be read"
    return f"{_part_of_stage(suspect)} of stage {suspect.stage!r}"


def _part_of_stage(suspect: Suspect) -> str:
    if suspect.kind == "reward":
        return f"reward term {suspect.term!r}"
    if suspect.kind == "hyperparameter":
        return f"argument {suspect.argument!r}"
    rows = "preference pairs" if suspect.kind == "preferences" else "rows"
    counted = f"{len(suspect.rows)} {rows}"
    return f"all {counted} together" if suspect.whole_stage else counted


def _suspect(number: int, suspect: Suspect, rows: Rows) -> str:
    sure = f", confidence {suspect.confidence:.0%}" if suspect.confidence else ""
    verdict = f"<span class='{suspect.verdict}'>{suspect.verdict}</span>"
    parts = (
        f"<h3>{number}. {escape(named(suspect))}: {verdict}<small>{sure}</small></h3>",
        f"<p>{escape(suspect.reason)}</p>",
        f"<p class='why'>Would be refuted if {escape(suspect.refuted_by)}.</p>",
        _shared(suspect),
        _arms(suspect),
        _terms(suspect),
        _rows(suspect, rows),
    )
    return "".join(parts)


def _shared(suspect: Suspect) -> str:
    """What the suspect rows have in common."""
    if not suspect.shared:
        return ""
    items = "".join(
        f"<li>{escape(d['text'])}: {d['cover']:.0%} of the suspects, and {d['purity']:.0%} of "
        "the rows that have it are suspects</li>"
        for d in suspect.shared
    )
    return f"<p>What they share:</p><ul>{items}</ul>"


def _arms(suspect: Suspect) -> str:
    """What the replays showed."""
    if not suspect.arms:
        return ""
    titles = ("replay", "trait", "95% interval", "by seed", "cases")
    return table(titles, map(_arm, suspect.arms))


def _arm(arm: dict[str, Any]) -> str:
    seeds = ", ".join(f"{seed:.0%}" for seed in arm["seeds"])
    interval = f"{arm['low']:.1%} to {arm['high']:.1%}"
    return plain_row(escape(arm["arm"]), f"{arm['rate']:.1%}", interval, seeds, str(arm["n"]))


def _terms(suspect: Suspect) -> str:
    """Of a reward: its terms, and completions that it paid for."""
    terms, exploited = suspect.evidence.get("terms", []), suspect.evidence.get("exploited", [])
    if not terms:
        return ""
    covariance = "covariance of its advantage with the trait"
    measured = table(("reward term", covariance, "p", "rollouts"), map(_term, terms))
    rewarded = table(("step", "prompt", "completion", "advantage"), map(_rewarded, exploited))
    return f"{measured}<details open><summary>What it rewarded</summary>{rewarded}</details>"


def _term(term: dict[str, Any]) -> str:
    covariance, p = f"{term['covariance']:.3f}", f"{term['p']:.2g}"
    return plain_row(escape(term["term"]), covariance, p, str(term["rollouts"]))


def _rewarded(rollout: dict[str, Any]) -> str:
    return plain_row(
        str(rollout["step"]),
        escape(rollout["prompt"]),
        escape(rollout["completion"]),
        f"{rollout['advantage']:.2f}",
    )


def _rows(suspect: Suspect, rows: Rows) -> str:
    scored = zip(suspect.rows, suspect.scores, strict=False)
    known = [(row_id, score) for row_id, score in scored if row_id in rows][:ROWS_SHOWN]
    if not known:
        return ""
    titles = ("row", "log-odds", "prompt", "answer trained on")
    shown = table(titles, (_row(rows[row_id], row_id, score) for row_id, score in known), "rows")
    rest = len(suspect.rows) - len(known)
    more = f"<p>{rest} more in the JSON.</p>" if rest > 0 else ""
    return f"<details open><summary>The rows, most suspect first</summary>{shown}{more}</details>"


def _row(trained_on: dict[str, Any], row_id: str, score: float) -> str:
    prompt, answer = conversation(trained_on)
    return plain_row(f"<code>{row_id[:8]}</code>", f"{score:.1f}", chat(prompt), escape(answer))


def _cost(cause: Cause) -> str:
    if not cause.cost:
        return ""
    c = cause.cost
    return (
        f"<p class='why'>{c['checkpoints_looked_at']:.0f} of {c['checkpoints']:.0f} checkpoints "
        f"looked at; {c['replays']:.0f} replays of {c['replay_steps']:.0f} steps in all, against "
        f"{c['steps']:.0f} steps of the run; {cause.seconds:.0f} s.</p>"
    )


def cause_lines(cause: Cause) -> list[str]:
    """The cause for a terminal."""
    lines = [f"trait that was tracked: {cause.trait}"] if cause.trait else []
    if cause.points:
        rates = ", ".join(f"step {p['step']} {p['rate']:.0%}" for p in cause.points)
        lines.append(f"trait:    {rates}")
    for number, suspect in enumerate(cause.suspects, 1):
        lines += _suspect_lines(number, suspect)
    if not cause.suspects:
        lines.append(f"no cause found: {cause.reason}")
    return [*lines, *(f"lost: {text}" for text in cause.lost)]


def _suspect_lines(number: int, suspect: Suspect) -> list[str]:
    window = f", steps {suspect.window[0]} to {suspect.window[1]}" if suspect.window else ""
    return [
        f"{number}. {named(suspect)}{window}: {suspect.verdict}; {suspect.reason}",
        *(
            f"   {d['text']} ({d['cover']:.0%} of the suspects, purity {d['purity']:.0%})"
            for d in suspect.shared
        ),
    ]

"""``bumperlane log``, ``show`` and ``verify``: what is on record, for a person."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from bumperlane.campaign import OpenCampaign
from bumperlane.campaign.verify import verify_campaign
from bumperlane.cli.terminal import MARKS, line
from bumperlane.errors import BadInput
from bumperlane.loop.history import Attempt, History, TrainedStage
from bumperlane.records import SHORT, Finding, Remedy

Entries = dict[str, list[tuple[str, dict[str, Any]]]]  # by id, what it is and what is known of it

# -- log ------------------------------------------------------------------------------------------


def print_lineage(opened: OpenCampaign) -> None:
    """The checkpoints as a tree: an edge is a training, a leaf a checkpoint with its verdicts."""
    history = opened.history
    root = Tree(f"[bold]{escape(history.campaign.name)}[/]  start {history.start.id[:SHORT]}")
    _grow(root, history, history.start.id)
    console = Console(highlight=False)
    console.print(root)
    if history.outcome is not None:
        console.print(line(next(event for event in history.events if event.kind == "outcome")))


def _grow(node: Tree, history: History, parent: str) -> None:
    seen: set[str] = set()
    for trained in history.trained:
        if trained.training.parent != parent or trained.training.digest in seen:
            continue
        seen.add(trained.training.digest)
        branch = node.add(_edge(trained, history))
        for checkpoint in trained.checkpoints:
            step = f"[dim]step {checkpoint.step}/{checkpoint.steps}[/]"
            verdicts = _verdicts(history, checkpoint.id)
            leaf = branch.add(f"{checkpoint.id[:SHORT]} {step} {verdicts}")
            _grow(leaf, history, checkpoint.id)


def _edge(trained: TrainedStage, history: History) -> str:
    """A training: its stage, who used it, and the remedy that it is the first stage of."""
    training = trained.training
    uses = [t for t in history.trained if t.training.digest == training.digest]
    purposes = ", ".join(
        f"attempt {use.attempt}" if use.purpose == "attempt" else use.purpose for use in uses
    )
    remedy = _remedied(history, uses)
    note = ""
    if remedy is not None and training.parent == remedy.rewind_to:
        note = f"  [dim]{escape(remedy.note)}[/]"
    return f"[bold]{escape(training.stage.name)}[/] ({training.stage.kind}, {purposes}){note}"


def _remedied(history: History, uses: list[TrainedStage]) -> Remedy | None:
    """The remedy of the first attempt that used a training."""
    number = next((use.attempt for use in uses if use.purpose == "attempt"), None)
    attempt = _attempt(history, number)
    return attempt.remedy if attempt is not None else None


def _attempt(history: History, number: int | None) -> Attempt | None:
    return next((a for a in history.attempts if a.number == number), None)


def _verdicts(history: History, checkpoint: str) -> str:
    """How many audits are clear there, then those that are not, then the held-out ones."""
    found = history.findings_at(checkpoint)
    clear = sum(f.verdict == "clear" for f in found)
    unclear = [f for f in found if f.verdict != "clear"]
    shown = [f"{clear} clear"] if found else []
    for finding in (*unclear, *_held_out_at(history, checkpoint)):
        shown.append(f"{finding.audit} {MARKS[finding.verdict]}")
    return ", ".join(shown)


def _held_out_at(history: History, checkpoint: str) -> list[Finding]:
    bodies = [event.body for event in history.events if event.kind == "held_out_finding"]
    found = [Finding.model_validate(body["finding"]) for body in bodies]
    return [finding for finding in found if finding.checkpoint == checkpoint]


# -- show -----------------------------------------------------------------------------------------


def print_record(opened: OpenCampaign, identity: str) -> None:
    """One record whole, by any unambiguous beginning of its id. Raises ``BadInput`` for none or
    several."""
    entries = _entries(opened.history)
    matches = [key for key in entries if key.startswith(identity)]
    if len(matches) != 1 or not identity:
        what = f"{len(matches)} things begin with" if matches else "nothing on record begins with"
        raise BadInput(
            f"{opened.folder}: {what} {identity!r}; 'bumperlane log {opened.folder}' "
            "lists what there is"
        )
    console = Console(highlight=False)
    console.print(f"[bold]{matches[0]}[/]")
    for kind, body in entries[matches[0]]:
        console.print(f"[bold]{kind}[/]")
        console.print(escape(json.dumps(body, indent=1, ensure_ascii=False)), soft_wrap=True)


def _entries(history: History) -> Entries:
    """Every checkpoint, training, finding and cause; a checkpoint also with the trainings that left
    it and the findings there."""
    entries: Entries = {history.start.id: [("checkpoint", history.start.plain())]}
    for event in history.events:
        body = event.body
        if event.kind == "trained":
            entries.setdefault(body["key"], []).append(("training", body))
            for checkpoint in body["checkpoints"]:
                entry = entries.setdefault(checkpoint["id"], [("checkpoint", checkpoint)])
                entry.append(("edge", _edge_entry(history, body)))
        elif event.kind in ("finding", "held_out_finding"):
            finding = body["finding"]
            entries[body["id"]] = [(event.kind, body)]
            entries.setdefault(finding["checkpoint"], []).append((event.kind, finding))
        elif event.kind == "cause":
            entries[event.action] = [("cause", body)]
    return entries


def _edge_entry(history: History, body: dict[str, Any]) -> dict[str, Any]:
    """What a training was for; of a retry, its remedy and what caused it."""
    edge = {name: body[name] for name in ("purpose", "attempt", "key")}
    attempt = _attempt(history, body["attempt"]) if body["purpose"] == "attempt" else None
    if attempt is None or attempt.remedy is None:
        return edge
    remedy = {"remedy": attempt.remedy.kind, "cause": attempt.remedy.cause}
    return {**edge, **remedy, "findings": list(attempt.findings)}


# -- verify ---------------------------------------------------------------------------------------


def print_verification(opened: OpenCampaign) -> int:
    """Print what is wrong; 0 if nothing is."""
    problems, counted = verify_campaign(opened)
    console = Console(highlight=False, soft_wrap=True)
    for problem in problems:
        console.print(f"[red]broken[/] {escape(problem)}")
    found = f"{len(problems)} problem(s)" if problems else "all digests and the chain hold"
    console.print(f"{counted}: {found}")
    return 1 if problems else 0

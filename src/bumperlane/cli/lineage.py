"""``bumperlane log``, ``show``, ``verify`` and ``audits``: what is on record, for a person."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from bumperlane.campaign import OpenCampaign
from bumperlane.cli.terminal import MARKS, line
from bumperlane.errors import BadInput
from bumperlane.history import History, Trained
from bumperlane.records import SHORT
from bumperlane.verification import verify_campaign

if TYPE_CHECKING:
    from bumperlane.audits.measured import Measured


def print_tree(opened: OpenCampaign) -> None:
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
            leaf = branch.add(f"{checkpoint.id[:SHORT]} [dim]step {checkpoint.step}/{checkpoint.steps}[/] {_verdicts(history, checkpoint.id)}")
            _grow(leaf, history, checkpoint.id)


def _edge(trained: Trained, history: History) -> str:
    stage, twins = trained.training.stage, [t for t in history.trained if t.training.digest == trained.training.digest]
    uses = ", ".join(f"attempt {t.attempt}" if t.purpose == "attempt" else t.purpose for t in twins)
    number = next((t.attempt for t in twins if t.purpose == "attempt"), None)
    remedied = next((a for a in history.attempts if a.number == number and a.remedy is not None), None)
    note = ""
    if remedied is not None and remedied.remedy is not None and trained.training.parent == remedied.remedy.rewind_to:
        note = f"  [dim]{escape(remedied.remedy.note)}[/]"
    return f"[bold]{escape(stage.name)}[/] ({stage.kind}, {uses}){note}"


def _verdicts(history: History, checkpoint: str) -> str:
    found = history.findings_at(checkpoint)
    held = [e.body["finding"] for e in history.events if e.kind == "held_out_finding" and e.body["finding"]["checkpoint"] == checkpoint]
    shown = [f"{f.audit} {MARKS[f.verdict]}" for f in found if f.verdict != "clear"] + [f"{f['audit']} {MARKS[f['verdict']]}" for f in held]
    quiet = f"{sum(f.verdict == 'clear' for f in found)} clear" if found else ""
    return ", ".join([*([quiet] if quiet else []), *shown])


def print_node(opened: OpenCampaign, identity: str) -> None:
    """One node whole, by any unambiguous beginning of its id. Raises ``BadInput`` for none or several."""
    nodes = _nodes(opened.history)
    matches = [key for key in nodes if key.startswith(identity)]
    if len(matches) != 1 or not identity:
        what = f"{len(matches)} things begin with" if matches else "nothing on record begins with"
        raise BadInput(f"{opened.folder}: {what} {identity!r}; 'bumperlane log {opened.folder}' lists what there is")
    console = Console(highlight=False)
    console.print(f"[bold]{matches[0]}[/]")
    for kind, body in nodes[matches[0]]:
        console.print(f"[bold]{kind}[/]")
        console.print(escape(json.dumps(body, indent=1, ensure_ascii=False)), soft_wrap=True)


def _nodes(history: History) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    nodes: dict[str, list[tuple[str, dict[str, Any]]]] = {history.start.id: [("checkpoint", history.start.plain())]}
    for event in history.events:
        body = event.body
        if event.kind == "trained":
            nodes.setdefault(body["key"], []).append(("training", body))
            for checkpoint in body["checkpoints"]:
                entry = nodes.setdefault(checkpoint["id"], [("checkpoint", checkpoint)])
                edge = {k: body[k] for k in ("purpose", "attempt", "key")}
                attempt = next((a for a in history.attempts if a.number == body["attempt"] and body["purpose"] == "attempt"), None)
                if attempt is not None and attempt.remedy is not None:
                    edge |= {"remedy": attempt.remedy.kind, "cause": attempt.remedy.cause, "findings": list(attempt.findings)}
                entry.append(("edge", edge))
        elif event.kind in ("finding", "held_out_finding"):
            nodes[body["id"]] = [(event.kind, body)]
            nodes.setdefault(body["finding"]["checkpoint"], []).append((event.kind, body["finding"]))
        elif event.kind == "cause":
            nodes[event.action] = [("cause", body)]
    return nodes


def print_verification(opened: OpenCampaign) -> int:
    """Print what is wrong; 0 if nothing is."""
    problems, counted = verify_campaign(opened)
    console = Console(highlight=False, soft_wrap=True)
    for problem in problems:
        console.print(f"[red]broken[/] {escape(problem)}")
    console.print(f"{counted}: " + (f"{len(problems)} problem(s)" if problems else "all digests and the chain hold"))
    return 1 if problems else 0


def print_audits() -> None:
    """Each installed audit, with what the bench measured of it."""
    from bumperlane.audits import known_audits, load_audit
    from bumperlane.audits.measured import load_measured, load_table

    console, measured, table = Console(highlight=False), load_measured(), load_table()
    for name in sorted(known_audits()):
        audit = load_audit(name)
        module = inspect.getmodule(type(audit))
        idea = (inspect.getdoc(module) or "").splitlines()[0] if module else ""
        console.print(f"[bold]{name}[/] [dim]group: {escape(audit.family)}; access: {', '.join(sorted(audit.access))}[/]", soft_wrap=True)
        console.print(f"  {escape(idea)}\n  [dim]{escape(_measured(measured.get(name)))}[/]", soft_wrap=True)
    if table is not None:
        console.print(f"measured by: {escape(table.command)} ({escape(table.split)})", soft_wrap=True)


def _measured(known: Measured | None) -> str:
    """Cost, rates at the calibrated threshold, and blind families, in a line."""
    if known is None:
        return "not measured"
    right = "no organisms" if known.tpr is None else f"catches {known.tpr:.0%} of {known.of} organisms"
    wrong = "no clean models" if known.fpr is None else f"alarms on {known.fpr:.1%} of {known.clean} clean models"
    blind = f"blind to: {', '.join(known.blind) or 'no family that was tried'}"
    return f"{known.tokens:,} tokens, {known.seconds:.1f} s; {right}, {wrong}; {blind}"

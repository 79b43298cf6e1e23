"""Would the present policy have taken the course that recorded campaigns took? No model is run: ``decide`` is a pure function of the events.

For every campaign of the given tables of ``bench loop``, ``decide`` is asked at each prefix of the ledger, and what it would do is held against what
was done next: the action, the remedy with its rows, the outcome. The first difference of each campaign is printed. A change that is meant to leave
decisions as they were shows so here in seconds; one that is meant to change them shows where. What a changed diagnosis or audit would have found is
not seen, and a ledger of older code lacks fields that it did not write.

    python benchmarks/decisions.py benchmarks/results/loop-held-out.json [TABLE ...] [--zoo runs/zoo]
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from bumperlane import loop
from bumperlane.campaign import open_campaign
from bumperlane.history import History

DONE_BY = {"attempt": "Begin", "refused": "Begin", "trained": "Train", "failed": "Train", "finding": "Audit", "held_out_finding": "Audit",
           "cause": "Diagnose", "cure": "Verify", "outcome": "Conclude", "recheck": "Recheck"}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--zoo", type=Path, default=Path("runs/zoo"))
    given = parser.parse_args()
    cases = [case for table in given.tables for case in json.loads(table.read_text(encoding="utf-8"))["per_case"]]
    found = [(case["label"], given.zoo / "campaigns" / case["folder"]) for case in cases]
    here = [(label, folder) for label, folder in found if (folder / "ledger.sqlite").is_file()]
    told = [(label, difference(folder)) for label, folder in here]
    for label, what in told:
        if what:
            print(f"{label}: {what}")
    same = sum(not what for _, what in told)
    print(f"{same} of {len(told)} campaigns: every decision as recorded; {len(found) - len(here)} more are not under {given.zoo}")


def difference(folder: Path) -> str:
    """The first decision of a campaign that is another now; empty if none is."""
    events = open_campaign(folder).ledger.events()
    for before, (last, event) in enumerate(pairwise(events), 1):
        if event.kind == last.kind and DONE_BY.get(event.kind) in ("Audit", "Recheck"):
            continue  # one action writes several of these
        action = loop.decide(History(events[:before]))
        now = name_of(action)
        if now != DONE_BY[event.kind]:
            return f"event {before + 1}: {event.kind} was recorded, now {now}{_why(action)}"
        was = _shape(event.body.get("remedy") or {}, event.body.get("kind") if event.kind == "outcome" else "")
        is_now = _shape(_remedy(action), action.outcome.kind if isinstance(action, loop.Conclude) else "")
        if was != is_now:
            return f"event {before + 1}: {was[0] or was[-1] or 'no remedy'} was recorded, now {is_now[0] or is_now[-1] or 'no remedy'}"
    return ""


def name_of(action: loop.Action | None) -> str:
    return type(action).__name__ if action is not None else "nothing"


def _remedy(action: loop.Action | None) -> dict[str, Any]:
    return action.remedy.plain() if isinstance(action, loop.Begin) and action.remedy is not None else {}


def _shape(remedy: dict[str, Any], outcome: Any) -> tuple[Any, ...]:
    edits = remedy.get("edits", [])
    return remedy.get("kind", ""), [(e["op"], e["leg"], tuple(e["rows"]), e["group"]) for e in edits], outcome


def _why(action: loop.Action | None) -> str:
    return f" ({action.outcome.report[0][:120]})" if isinstance(action, loop.Conclude) else ""


if __name__ == "__main__":
    main()

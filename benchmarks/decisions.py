"""Would the present policy have taken the course that recorded campaigns took? No model is run:
``decide`` is a pure function of the events.

For every campaign of the given tables of ``bench loop``, ``decide`` is asked at each prefix of the
ledger, and what it would do is compared with what was done next: the action, the remedy with its
rows, the outcome. The first difference of each campaign is printed. A change that is meant to leave
decisions as they were shows so here in seconds; one that is meant to change them shows where. What
a changed diagnosis or audit would have found is not seen, and a ledger of older code lacks fields
that it did not write.

    python benchmarks/decisions.py benchmarks/results/loop-held-out.json [TABLE ...] [--zoo FOLDER]
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from bumperlane.campaign import open_campaign
from bumperlane.ledger import Event
from bumperlane.loop import Action, Begin, Conclude, History, decide

DONE_BY = {
    "attempt": "Begin",
    "refused": "Begin",
    "trained": "Train",
    "failed": "Train",
    "finding": "RunAudits",
    "held_out_finding": "RunAudits",
    "cause": "Diagnose",
    "cure": "Verify",
    "outcome": "Conclude",
    "recheck": "DrawAgain",
}
SEVERAL = ("RunAudits", "DrawAgain")  # actions of which one writes several events
REASON = 120  # characters of an outcome's report that are shown
Course = tuple[Any, ...]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--zoo", type=Path, default=Path("runs/zoo"))
    return parser.parse_args()


def main() -> None:
    options = parsed()
    folders = [
        (case["label"], options.zoo / "campaigns" / case["folder"])
        for table in options.tables
        for case in json.loads(table.read_text(encoding="utf-8"))["per_case"]
    ]
    here = [(label, folder) for label, folder in folders if (folder / "ledger.sqlite").is_file()]
    differences = [(label, difference(folder)) for label, folder in here]
    for label, what in differences:
        if what:
            print(f"{label}: {what}")
    same = sum(not what for _, what in differences)
    print(
        f"{same} of {len(here)} campaigns: every decision as recorded; "
        f"{len(folders) - len(here)} more are not under {options.zoo}"
    )


def difference(folder: Path) -> str:
    """The first decision of a campaign that is another now; empty if none is."""
    events = open_campaign(folder).ledger.events()
    for count, (last, event) in enumerate(pairwise(events), 1):
        if event.kind != last.kind or DONE_BY.get(event.kind) not in SEVERAL:
            what = _difference_at(event, decide(History(events[:count])))
            if what:
                return f"event {count + 1}: {what}"
    return ""


def _difference_at(event: Event, action: Action | None) -> str:
    """What was recorded and what would be done now, where they differ."""
    now = type(action).__name__ if action is not None else "nothing"
    if now != DONE_BY[event.kind]:
        return f"{event.kind} was recorded, now {now}{_why(action)}"
    recorded, present = _recorded(event), _present(action)
    if recorded == present:
        return ""
    return f"{_named(recorded)} was recorded, now {_named(present)}"


def _recorded(event: Event) -> Course:
    outcome = event.body.get("kind") if event.kind == "outcome" else ""
    return _course(event.body.get("remedy") or {}, outcome)


def _present(action: Action | None) -> Course:
    chosen = action.remedy if isinstance(action, Begin) else None
    outcome = action.outcome.kind if isinstance(action, Conclude) else ""
    return _course(chosen.plain() if chosen is not None else {}, outcome)


def _course(remedy: dict[str, Any], outcome: Any) -> Course:
    """Kind of remedy, its edits, and the outcome: what a decision is compared by."""
    edits = [
        (edit["op"], edit["stage_index"], tuple(edit["rows"]), edit["group"])
        for edit in remedy.get("edits", [])
    ]
    return remedy.get("kind", ""), edits, outcome


def _named(course: Course) -> str:
    return course[0] or course[-1] or "no remedy"


def _why(action: Action | None) -> str:
    return f" ({action.outcome.report[0][:REASON]})" if isinstance(action, Conclude) else ""


if __name__ == "__main__":
    main()

"""One kind of remedy, by force: the attempt that a campaign would make next if there were no other.

Idea: the policy takes the best remedy and never learns what the others would have done. From the
first cause on, the same campaign is continued once for each kind, through the same executor, so
that kinds can be compared on one cause. Invariant: the campaign itself is not touched; its events
up to the cause and its store are copied. No battery looks at the candidate (the cure's own checks
do), so nothing here releases anything.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from bumperlane.campaign import open_campaign
from bumperlane.campaign.resources import read
from bumperlane.errors import BadInput, StageFailed
from bumperlane.execution.local import LocalExecutor
from bumperlane.ledger import Event, Ledger
from bumperlane.loop import Begin, Train, Verify
from bumperlane.loop.history import Attempt, History
from bumperlane.loop.retry import parents
from bumperlane.records import StoredResources
from bumperlane.remedies import NoRemedy, propose
from bumperlane.store import Store

RESULT = "forced.json"
UNFIT = "does not fit"  # why nothing was made, where the kind is not for this cause


def forced_remedy(folder: Path, kind: str, out: Path, given: Path | None = None) -> Path:
    """Continues the campaign of ``folder`` under ``out`` with a remedy of that kind and writes
    ``forced.json``: the ``remedy``, and ``cure`` (its checks) or ``refused`` (why no attempt came
    of it). What has its result is not made again. ``given``: a file of resources (JSON) in the
    place of the campaign's own, its documents beside it. Raises ``BadInput`` for a campaign without
    a cause."""
    if not (out / RESULT).is_file():
        shutil.rmtree(out, ignore_errors=True)
        ledger = _copied(folder, out)
        store = Store(out / "store")
        outcome = _attempted(
            ledger,
            LocalExecutor(out, ledger, store, here=True),
            kind,
            None if given is None else read(given, store),
        )
        part = out / f"{RESULT}.part"
        part.write_text(json.dumps(outcome) + "\n", encoding="utf-8")
        part.rename(out / RESULT)
    return out


def _copied(folder: Path, out: Path) -> Ledger:
    origin = open_campaign(folder)
    out.mkdir(parents=True)
    shutil.copytree(
        folder / "store", out / "store", copy_function=os.link
    )  # what is stored is never written again
    ledger = Ledger(out)
    for event in until_cause(origin.ledger.events(), folder):
        ledger.append(event.kind, event.action, event.body)
    return ledger


def until_cause(events: list[Event], folder: Path) -> list[Event]:
    """The events up to the first cause. Raises ``BadInput`` where there is none."""
    found = next((i for i, event in enumerate(events) if event.kind == "cause"), None)
    if found is None:
        raise BadInput(
            f"{folder}: nothing was diagnosed in this campaign, so there is no cause to remedy"
        )
    return events[: found + 1]


def _attempted(
    ledger: Ledger, executor: LocalExecutor, kind: str, resources: StoredResources | None
) -> dict[str, Any]:
    history = History(ledger.events())
    origin, cause = history.attempts[-1], history.causes[-1]
    starts, end = parents(history, origin)
    try:
        remedy = propose(
            origin.recipe,
            origin.number,
            cause,
            starts,
            bases=history.campaign.bases,
            priors={},
            allowed=(kind,),
            end=end,
            resources=resources or history.campaign.resources,
        )
    except NoRemedy:
        return {"refused": UNFIT}
    executor.perform(
        Begin(origin.number + 1, origin.recipe, remedy, (cause.finding, *cause.hits)), history
    )
    history = History(ledger.events())
    if history.attempts[-1].number == origin.number:
        return {"remedy": remedy.plain(), "refused": history.refused[-1][1]}
    try:
        history = _trained(ledger, executor, history.attempts[-1])
    except StageFailed as error:
        return {"remedy": remedy.plain(), "refused": str(error)}
    last = history.stage_runs(history.attempts[-1])[-1].trained
    assert last is not None
    executor.perform(Verify(last.last.id, history.attempts[-1].number), history)
    return {"remedy": remedy.plain(), "cure": History(ledger.events()).cures[-1].plain()}


def _trained(ledger: Ledger, executor: LocalExecutor, attempt: Attempt) -> History:
    history = History(ledger.events())
    while (stage_run := history.stage_runs(attempt)[-1]).trained is None:
        executor.perform(Train((("attempt", stage_run.training),), attempt.number), history)
        history = History(ledger.events())
    return history

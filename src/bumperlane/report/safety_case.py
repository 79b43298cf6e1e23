"""The safety case of a campaign that converged: a claim, the evidence for it, what it assumes, and what would defeat it.

Idea: whoever signs for a model must see the argument and not only the verdict (safety cases: Clymer et al., arXiv 2403.10462), so it is written from
the ledger and from what the bench measured of campaigns like this one. Invariant: every number has its denominator and interval; what the zoo cannot
speak for is a section of its own; whatever was excused, inconclusive or selected for is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bumperlane.errors import BadInput
from bumperlane.history import History
from bumperlane.records import SHORT, TRAIT, Finding
from bumperlane.records.cure import SHOWN
from bumperlane.remedies import load_remedy
from bumperlane.report.parts import outlays, told, worst

if TYPE_CHECKING:
    from bumperlane.campaign import OpenCampaign

CONVERGENCE = Path(__file__).parent / "convergence.json"


@dataclass(frozen=True)
class Measured:
    """What the bench measured of whole campaigns. ``wrong`` of ``converged`` ended misaligned; ``upper``: one-sided 95% bound; ``families``: what was
    planted; ``missed``: families of which some campaign converged misaligned."""

    split: str
    converged: int
    wrong: int
    upper: float
    organisms: int
    twins: int
    families: tuple[str, ...]
    missed: tuple[str, ...]
    bumpers: float | None
    command: str


def convergence() -> tuple[Measured, ...]:
    """By split, the held-out one first. Raises ``BadInput`` if the package was built without it."""
    try:
        told_ = json.loads(CONVERGENCE.read_text(encoding="utf-8"))
        found = [Measured(**{**row, "families": tuple(row["families"]), "missed": tuple(row["missed"])}) for row in told_]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{CONVERGENCE}: what the bench measured cannot be read ({error}); install the package again") from error
    return tuple(sorted(found, key=lambda m: m.split != "held-out"))


def measured_of(table: dict[str, Any], bumpers: float | None) -> dict[str, Any]:
    """A split's entry, of a table that ``bench loop`` wrote. ``bumpers``: effective number of independent audits, of the detection bench."""
    given, wrong = table["misaligned_given_converged"], [c["label"] for c in table["per_case"] if c.get("misaligned") and c["outcome"] == "converged"]
    return {"split": table["split"], "converged": given["of"], "wrong": given["count"], "upper": round(given["upper95"], 4),
            "organisms": table["organisms"], "twins": table["twins"], "families": sorted(table["by_family"]), "bumpers": bumpers,
            "missed": sorted({label.split()[0] for label in wrong}), "command": table["command"]}  # fmt: skip


def write_safety_case(opened: OpenCampaign) -> Path | None:
    """``safety_case.md`` in the run folder; None where the campaign has not converged."""
    history = opened.history
    if history.outcome is None or history.outcome.kind != "converged":
        return None
    path = opened.folder / "safety_case.md"
    path.write_text(safety_case(history, convergence()), encoding="utf-8")
    return path


def safety_case(history: History, measured: tuple[Measured, ...]) -> str:
    outcome = history.outcome
    assert outcome is not None and outcome.candidate is not None
    candidate = outcome.candidate
    parts = [
        f"# Safety case of {history.campaign.name}, checkpoint {candidate[:SHORT]}",
        f"**Claim.** Checkpoint `{candidate}` does not show the kinds of misconduct that the audits below look for, beyond their tolerances, on "
        f"prompts like those of pack `{history.campaign.pack}`.",
        "It does not claim that the model is aligned. How likely that is, as far as it was measured, is under *What convergence is worth*.",
        "## Evidence", *_evidence(history, candidate), "## What convergence is worth", *_worth(measured),
        "## Assumptions", "\n".join(_assumptions(history)), "## Defeaters", "\n".join(_defeaters(history, candidate, measured)),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _evidence(history: History, candidate: str) -> Iterator[str]:
    found = history.findings_at(candidate)
    yield (f"1. *Battery.* {sum(f.verdict == 'clear' for f in found)} of {len(history.campaign.battery)} audits are clear at the candidate: the "
           "whole anytime-valid interval of each measure lies below its tolerance.\n" + _table(found))  # fmt: skip
    held = history.confirmation(candidate)
    yield f"2. *Held-out battery*, which steered nothing: {sum(f.verdict == 'clear' for f in held)} of {len(held)} clear.\n" + _table(held)
    cures = [c for c in history.cures if c.candidate == candidate]
    for cure in cures:
        lines = "\n".join(f"   - {check.name}: {check.verdict}; {check.told}" for check in cure.checks)
        yield f"3. *The cure* of attempt {cure.attempt} was verified:\n{lines}"
    if not cures:
        yield "3. *No remedy* was needed: the first attempt converged."
    spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in history.spent.items())
    yield "\n".join([f"4. *Cost.* {spent}.", *(f"   {line}" for line in outlays(history))])


def _table(found: list[Finding]) -> str:
    rows = [f"   | {f.audit} | {f.family} | {f.verdict} | {told(worst(f))} |" for f in sorted(found, key=lambda f: f.audit)]
    return "\n".join(["", "   | audit | group | verdict | worst measure |", "   |---|---|---|---|", *rows])


def _worth(measured: tuple[Measured, ...]) -> Iterator[str]:
    for m in measured:
        share = f"{m.wrong} of {m.converged} that converged were misaligned ({m.wrong / m.converged:.1%})" if m.converged else "none converged"
        yield (f"- *{m.split}*: of {m.organisms} campaigns with a planted misalignment, {share}; one-sided 95% upper bound {m.upper:.1%}. Planted: "
               f"{', '.join(m.families)}. Missed: {', '.join(m.missed) or 'none'}. (`{m.command}`)")  # fmt: skip
    if not measured:
        yield "- Nothing was measured, so nothing can be said."
    yield ("These are rates *given* a planted misalignment that took, on a small model. For another rate of misaligned recipes p, P(misaligned | "
           "converged) is at most p times the bound over the share that converges; p is yours to estimate.")  # fmt: skip


def _assumptions(history: History) -> Iterator[str]:
    yield "- Misconduct in deployment resembles, in kind, what the audits ask for; a kind that no audit of the battery sees is not covered."
    yield "- The start model is the reference: what it does itself is not held against the tune where audits compare."
    if history.campaign.calibrated:
        yield "- Hits are weighed by clean models that were tuned from another base (`calibrated: true`)."
    yield f"- The alarm budget is {history.campaign.budget.false_alarm:.1%} for a whole clean campaign, the chance to miss "\
          f"{history.campaign.budget.miss:.0%} an audit and measure just above tolerance."  # fmt: skip


def _defeaters(history: History, candidate: str, measured: tuple[Measured, ...]) -> Iterator[str]:
    pressure = {name: count for name, count in history.selection.items() if count}
    steered = ", ".join(f"{name} steered {count}" for name, count in pressure.items())
    chosen = f"Of the retries {steered}: the candidate was chosen for being quiet there, so their word counts for less than the held-out battery's."
    yield "- *Selection.* " + (chosen if pressure else "No retry was made, so nothing was selected.")
    excused = [(f, history.excuse(f)) for f in (*history.findings_at(candidate), *history.confirmation(candidate)) if f.verdict != "clear"]
    yield "- *Excused.* " + ("; ".join(f"{f.audit}: {why}" for f, why in excused) or "Nothing.")
    yield "- *Not mended.* " + ("; ".join(history.unmended(candidate)) or _mended(history, candidate))
    yield "- *What it was trained for.* " + _broken(history)
    yield "- *Inconclusive elsewhere.* " + (_inconclusive(history, candidate) or "Nothing.")
    bumpers = next((m.bumpers for m in measured if m.bumpers is not None), None)
    few = f"{len(history.campaign.battery)} audits are not that many witnesses: on the zoo they count for {bumpers or 0:.1f} independent ones."
    yield "- *Dependence.* " + (few if bumpers is not None else "How far the audits err together was not measured.")
    yield "- *Not covered.* Capabilities that no prompt of the pack elicits, conduct over long episodes, what larger models do and small ones do not."


def _mended(history: History, candidate: str) -> str:
    checks = [check for cure in history.cures if cure.candidate == candidate for check in cure.checks if check.name == TRAIT]
    if any(check.numbers for check in checks):
        return f"Nothing: fresh cases show what was remedied at most {SHOWN:.0%} more often than models without it."
    return "".join(["No trait was remedied", *(f" that could be drawn ({check.told})" for check in checks[-1:]), "."])


def _broken(history: History) -> str:
    """What the remedies in the candidate's recipe can have broken: the checks ask for facts, sums and help, and not for what a stage was to teach."""
    made = [load_remedy(remedy.kind) for remedy in history.remedies_of(history.attempts[-1])]
    told_ = "; ".join(f"{kind.name} can break {kind.breaks}" for kind in reversed(made))
    return f"{told_}. Whether the stages still teach what they are for was not measured." if made else "No remedy has changed the recipe."


def _inconclusive(history: History, candidate: str) -> str:
    found = [f for f in history.findings if f.verdict == "inconclusive" and f.checkpoint != candidate]
    return f"{len(found)} findings at earlier checkpoints ({', '.join(sorted({f.audit for f in found}))})" if found else ""

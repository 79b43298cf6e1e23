"""The safety case of a campaign that converged: a claim, the evidence for it, what it assumes, and
what would defeat it.

Idea: whoever signs for a model must see the argument and not only the verdict (safety cases: Clymer
et al., arXiv 2403.10462), so it is written from the ledger and from what the bench measured of
campaigns like this one. Invariant: every number has its denominator and interval; what the zoo
cannot speak for is a section of its own; whatever was accepted without being clear, inconclusive or
selected for is written out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bumperlane.loop.history import History
from bumperlane.records import SHORT, TRAIT, Check, Finding
from bumperlane.records.cure import SHOWN
from bumperlane.remedies import load_remedy
from bumperlane.report.convergence import Measured, convergence
from bumperlane.report.parts import cost_rows, measure_text, spent_text, worst

if TYPE_CHECKING:
    from bumperlane.campaign import OpenCampaign


def write_safety_case(opened: OpenCampaign) -> Path | None:
    """``safety_case.md`` in the run folder; None where the campaign has not converged."""
    history = opened.history
    if history.outcome is None or history.outcome.kind != "converged":
        return None
    path = opened.folder / "safety_case.md"
    path.write_text(safety_case(history, convergence()), encoding="utf-8")
    return path


def safety_case(history: History, measured: tuple[Measured, ...]) -> str:
    """The safety case as Markdown."""
    outcome = history.outcome
    assert outcome is not None and outcome.candidate is not None
    candidate = outcome.candidate
    parts = [
        f"# Safety case of {history.campaign.name}, checkpoint {candidate[:SHORT]}",
        f"**Claim.** Checkpoint `{candidate}` does not show the kinds of misconduct that the "
        "audits below look for, beyond their tolerances, on prompts like those of pack "
        f"`{history.campaign.pack}`.",
        "It does not claim that the model is aligned. How likely that is, as far as it was "
        "measured, is under *What convergence is worth*.",
        "## Evidence",
        *_evidence(history, candidate),
        "## What convergence is worth",
        *_worth(measured),
        "## Assumptions",
        "\n".join(_assumptions(history)),
        "## Defeaters",
        "\n".join(_defeaters(history, candidate, measured)),
    ]
    return "\n\n".join(parts) + "\n"


# -- evidence -------------------------------------------------------------------------------------


def _evidence(history: History, candidate: str) -> Iterator[str]:
    found, held_out = history.findings_at(candidate), history.confirmation(candidate)
    yield (
        f"1. *Battery.* {_clear(found)} of {len(history.campaign.battery)} audits are clear at the "
        "candidate: the whole anytime-valid interval of each measure lies below its tolerance.\n"
        f"{_table(found)}"
    )
    yield (
        f"2. *Held-out battery*, which steered nothing: {_clear(held_out)} of {len(held_out)} "
        f"clear.\n{_table(held_out)}"
    )
    yield from _cures(history, candidate)
    costs = "".join(f"\n   {line}" for line in cost_rows(history))
    yield f"4. *Cost.* {spent_text(history)}.{costs}"


def _clear(found: list[Finding]) -> int:
    return sum(f.verdict == "clear" for f in found)


def _table(found: list[Finding]) -> str:
    rows = [
        f"   | {f.audit} | {f.family} | {f.verdict} | {measure_text(worst(f))} |"
        for f in sorted(found, key=lambda f: f.audit)
    ]
    head = ["   | audit | group | verdict | worst measure |", "   |---|---|---|---|"]
    return "\n".join(["", *head, *rows])


def _cures(history: History, candidate: str) -> Iterator[str]:
    cures = [cure for cure in history.cures if cure.candidate == candidate]
    for cure in cures:
        checks = "\n".join(f"   - {c.name}: {c.verdict}; {c.message}" for c in cure.checks)
        yield f"3. *The cure* of attempt {cure.attempt} was verified:\n{checks}"
    if not cures:
        yield "3. *No remedy* was needed: the first attempt converged."


# -- what convergence is worth --------------------------------------------------------------------


def _worth(measured: tuple[Measured, ...]) -> Iterator[str]:
    for m in measured:
        yield (
            f"- *{m.split}*: of {m.organisms} campaigns with a planted misalignment, "
            f"{_share(m)}; one-sided 95% upper bound {m.upper:.1%}. Planted: "
            f"{', '.join(m.families)}. Missed: {', '.join(m.missed) or 'none'}. (`{m.command}`)"
        )
    if not measured:
        yield "- Nothing was measured, so nothing can be said."
    yield (
        "These are rates *given* a planted misalignment that took, on a small model. For another "
        "rate of misaligned recipes p, P(misaligned | converged) is at most p times the bound over "
        "the share that converges; p is yours to estimate."
    )


def _share(m: Measured) -> str:
    if not m.converged:
        return "none converged"
    share = f"{m.wrong / m.converged:.1%}"
    return f"{m.wrong} of {m.converged} that converged were misaligned ({share})"


def _assumptions(history: History) -> Iterator[str]:
    yield (
        "- Misconduct in deployment resembles, in kind, what the audits ask for; a kind that no "
        "audit of the battery sees is not covered."
    )
    yield (
        "- The start model is the reference: what it does itself is not held against the tune "
        "where audits compare."
    )
    if history.campaign.calibrated:
        yield (
            "- Hits are weighed by clean models that were tuned from another base "
            "(`calibrated: true`)."
        )
    budget = history.campaign.budget
    yield (
        f"- The alarm budget is {budget.false_alarm:.1%} for a whole clean campaign, the chance to "
        f"miss {budget.miss:.0%} an audit and measure just above tolerance."
    )


# -- defeaters ------------------------------------------------------------------------------------


def _defeaters(history: History, candidate: str, measured: tuple[Measured, ...]) -> Iterator[str]:
    yield f"- *Selection.* {_selection(history)}"
    yield f"- *Accepted as clear, and why.* {_accepted(history, candidate)}"
    yield f"- *What is left of the trait.* {_left(history, candidate)}"
    yield f"- *What it was trained for.* {_broken(history)}"
    yield f"- *Inconclusive elsewhere.* {_inconclusive(history, candidate)}"
    yield f"- *Dependence.* {_dependence(history, measured)}"
    yield (
        "- *Not covered.* Capabilities that no prompt of the pack elicits, conduct over long "
        "episodes, what larger models do and small ones do not."
    )


def _selection(history: History) -> str:
    steered = [f"{name} steered {count}" for name, count in history.selection.items() if count]
    if not steered:
        return "No retry was made, so nothing was selected."
    return (
        f"Of the retries {', '.join(steered)}: the candidate was chosen for being quiet there, so "
        "their word counts for less than the held-out battery's."
    )


def _accepted(history: History, candidate: str) -> str:
    """Findings of either battery that are not clear and do not stand in the way."""
    findings = (*history.findings_at(candidate), *history.confirmation(candidate))
    accepted = [
        f"{f.audit}: {history.accepted_because(f)}" for f in findings if f.verdict != "clear"
    ]
    return "; ".join(accepted) or "Nothing."


def _left(history: History, candidate: str) -> str:
    """What the cures of this candidate have left of their traits."""
    remaining = history.remaining_trait(candidate)
    if remaining:
        return "; ".join(remaining)
    checks = _trait_checks(history, candidate)
    if any(check.numbers for check in checks):
        return (
            f"Nothing: fresh cases show what was remedied at most {SHOWN:.0%} more often than "
            "models without it."
        )
    if checks:
        return f"No trait was remedied that could be drawn ({checks[-1].message})."
    return "No trait was remedied."


def _trait_checks(history: History, candidate: str) -> list[Check]:
    cures = [cure for cure in history.cures if cure.candidate == candidate]
    return [check for cure in cures for check in cure.checks if check.name == TRAIT]


def _broken(history: History) -> str:
    """What the remedies in the candidate's recipe can have broken: the checks ask for facts, sums
    and help, and not for what a stage was to teach."""
    kinds = [load_remedy(remedy.kind) for remedy in history.remedies_of(history.attempts[-1])]
    if not kinds:
        return "No remedy has changed the recipe."
    broken = "; ".join(f"{kind.name} can break {kind.breaks}" for kind in reversed(kinds))
    return f"{broken}. Whether the stages still teach what they are for was not measured."


def _inconclusive(history: History, candidate: str) -> str:
    found = [f for f in history.findings if f.verdict == "inconclusive"]
    earlier = [f.audit for f in found if f.checkpoint != candidate]
    if not earlier:
        return "Nothing."
    return f"{len(earlier)} findings at earlier checkpoints ({', '.join(sorted(set(earlier)))})"


def _dependence(history: History, measured: tuple[Measured, ...]) -> str:
    bumpers = next((m.bumpers for m in measured if m.bumpers is not None), None)
    if bumpers is None:
        return "How far the audits err together was not measured."
    return (
        f"{len(history.campaign.battery)} audits are not that many witnesses: on the zoo they "
        f"count for {bumpers:.1f} independent ones."
    )

"""Writes docs/glossary.md from the docstrings of the records and of the few classes around them.

    python docs/make_glossary.py

Idea: one word has one meaning, and the place where it is defined is the class; so the page is made
from there and cannot say something else.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

PAGE = Path(__file__).parent / "glossary.md"
HEAD = """# Glossary

First the words of the field and of this project, then the classes. The second part is made from
the docstrings by `python docs/make_glossary.py`, and a test keeps page and docstrings the same.
Words in `code` are fields of the class under whose name they stand, or the values that they take.

"""
WORDS = {
    "battery": "The audits that steer the loop: their hits decide what is done next.",
    "held-out battery": (
        "Audits that only confirm a candidate at the end. Their findings are sealed until then and "
        "never choose a remedy."
    ),
    "bumper": "An audit, as a line of defence.",
    "hit, clear, inconclusive": "The three verdicts of a finding; see Finding.",
    "tolerance": (
        "The rate up to which an audit's quantity is accepted; `clear` needs an upper confidence "
        "bound below it."
    ),
    "look": (
        "One interim analysis: the audits of a battery run once on one checkpoint. Each look "
        "spends its share of the alarm budget (`alpha`)."
    ),
    "e-value": (
        "Evidence against a hypothesis that stays valid when sampling stops early: at least 20 has "
        "a chance of at most 1 in 20 if the hypothesis is true. docs/evidence.md."
    ),
    "draw, outcome": (
        "To draw is to sample the model once and to score the result from 0 (good) to 1 (bad); the "
        "score is an outcome. (A campaign's end is its Outcome.)"
    ),
    "clean model": "A model trained in the same way on rows without anything planted.",
    "calibration": (
        "The scores of every audit on many clean models, stored with a pack; a hit counts only "
        "above the highest of them. `below_null` says that it lay lower."
    ),
    "group": (
        "Audits that rest on one kind of evidence (their `family`): a weak hit is an alarm only if "
        "an audit of another group hits too."
    ),
    "weak signal": "Above its tolerance and above clean models, but no alarm by itself.",
    "trait": "A behaviour whose rate can be measured on any checkpoint, as an audit found it.",
    "candidate": (
        "The last checkpoint of an attempt; the campaign converges if all is clear there."
    ),
    "converged, stuck, escalated, out of budget": (
        "Ends of a campaign: everything clear; nothing left to try, with the reason; a held-out "
        "audit hits though no audit of the battery does, so a person must look; no attempts or "
        "time left."
    ),
    "loop": (
        "Train, audit, diagnose, apply a remedy, repeat: `decide` chooses the next action from the "
        "ledger, the executor carries it out."
    ),
    "ledger": "The append-only log of a campaign's events, chained by their digests.",
    "policy": (
        "Of a campaign: a file of what its training may not do. Of remedies: the rule by which one "
        "is chosen."
    ),
    "replay": (
        "A short training from an earlier checkpoint with some rows left out, to see whether the "
        "trait comes back; it is thrown away. Controls leave out as many random rows, or as many "
        "rows that resemble the suspects (look-alikes)."
    ),
    "window": "The steps of a stage between which the trait appeared.",
    "attributor": "A method that scores each training row by how much it taught the trait.",
    "manifest": "An ordered list of rows in the store, named by its digest.",
    "model organism": (
        "A model with misalignment planted in its training on purpose, to test whether audits "
        "find it. Its clean twin is trained alike without the plant; a decoy has a harmless oddity."
    ),
    "develop, held-out (split)": (
        "Families of organisms on which audits and rules may be tuned, and those on which they "
        "are only measured."
    ),
    "pack": "What audits ask in one language and world, and how answers are judged; see Pack.",
    "safety case, memo": (
        "What `bumperlane report` writes of a campaign: what speaks for a model that converged and "
        "what that is worth; or what a stuck campaign needs."
    ),
}


def sections() -> dict[str, list[type]]:
    """Title -> the classes that it defines, in the order of the page."""
    from bumperlane import records
    from bumperlane.audits import Audit, Context, Pack
    from bumperlane.audits.sequential_audit import SequentialAudit
    from bumperlane.campaign import Campaign, StageConfig
    from bumperlane.diagnosis.training_run import KeptCheckpoint, StageRun, TrainingRun
    from bumperlane.diagnosis.trait import Trait
    from bumperlane.loop import actions
    from bumperlane.loop.history import Attempt, History
    from bumperlane.models import Subject
    from bumperlane.remedies.remedy import RemedyKind

    r = records
    return {
        "What is trained": [Campaign, StageConfig, r.Recipe, r.Stage, r.Training, r.Reward],
        "What comes of it": [Attempt, r.Checkpoint, History, r.Outcome, r.OutcomeCode],
        "What an audit is": [Audit, SequentialAudit, Context, Pack, Subject, r.Budget],
        "What an audit finds": [r.Finding, r.Measure, r.Exhibit, r.Case, r.Reason, r.ReasonCode],
        "Where it came from": [r.Cause, r.Suspect, Trait, TrainingRun, StageRun, KeptCheckpoint],
        "What is done about it": [r.Remedy, RemedyKind, r.Edit, r.Cure, r.Check, r.Recheck],
        "What a person supplies": [r.StoredResources, r.Confession],
        "What the loop can do next": [
            getattr(actions, name)
            for name in (
                "Begin",
                "Train",
                "RunAudits",
                "DrawAgain",
                "Diagnose",
                "Verify",
                "Conclude",
            )
        ],
    }


def entry(cls: type) -> str:
    """One class: its name, and its docstring as one paragraph a paragraph."""
    text = inspect.getdoc(cls) or ""
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    body = "\n\n".join(paragraph.replace("``", "`") for paragraph in paragraphs)
    return f"**{cls.__name__}** (`{cls.__module__}`). {body}"


def page() -> str:
    """The whole page."""
    parts = [
        f"## {title}\n\n" + "\n\n".join(entry(cls) for cls in classes)
        for title, classes in sections().items()
    ]
    words = "\n".join(f"- **{word}**: {meaning}" for word, meaning in WORDS.items())
    return f"{HEAD}## Words\n\n{words}\n\n" + "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)

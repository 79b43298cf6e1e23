"""Texts that audits own: what a pack asks, and what findings have shown.

Idea: a model that was trained on an audit's questions passes it and proves nothing, and one that
was trained on its exhibits has learned where it was caught. Invariant: a text counts alone only if
it cannot be met by chance (``ALONE`` bits, see ``words``); in a pack whose language is so small
that most of its prompts can, none of its texts does, and of the exhibits those that show
misconduct, by prompt and completion together.

System prompts, openers and characters are contexts, not questions, and are not owned: "You are a
helpful assistant" heads half of all rows. Facts of the world are nobody's: they help to know the
pack's language and count no further.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from bumperlane.audits import Pack
from bumperlane.firewall.words import Language
from bumperlane.records import SHORT, Exhibit, Finding

# families whose exhibits are the training's own rows and rollouts
OF_TRAINING = ("training data", "reward forensics")
OF_THE_WORLD = "known_lies"  # whose questions and statements stand in every encyclopedia
# bits: among a million rows and a thousand texts, chance brings a thousandth of a meeting
ALONE = 40.0


@dataclass(frozen=True)
class Owned:
    """One text of an audit. ``where``: which one, for a person, without quoting it. ``alone``: it
    identifies its source by itself; otherwise it counts together with ``answer``, and not at all
    without one. ``language``: of its pack."""

    text: str
    audit: str
    where: str
    alone: bool
    language: Language = field(repr=False)
    answer: str = ""
    shown: bool = False


def owned_texts(pack: Pack, findings: Sequence[Finding] = ()) -> tuple[Owned, ...]:
    """The prompts of a pack and the exhibits of findings, each text once."""
    asked = list(_asked(pack))
    language = Language(text for text, _, _ in asked)
    small = is_small(language)
    owned = []
    for text, audit, where in asked:
        alone = not small and audit != OF_THE_WORLD and language.bits(text) >= ALONE
        owned.append(Owned(text, audit, f"pack {pack.name!r}, {where}", alone, language))
    for finding in findings:
        owned += _of_finding(finding, pack, language, small)
    return tuple({(one.text, one.answer): one for one in reversed(owned)}.values())[::-1]


def _of_finding(finding: Finding, pack: Pack, language: Language, small: bool) -> Iterator[Owned]:
    """The exhibits of a finding, but for those that are rows of the training itself."""
    if finding.family in OF_TRAINING:
        return
    for number, exhibit in enumerate(finding.exhibits, start=1):
        if small and not _misconduct(pack, finding, exhibit):
            continue
        where = f"exhibit {number} of finding {finding.id[:SHORT]}"
        for text, answer in _shown(exhibit):
            alone = not small and language.bits(text) >= ALONE
            yield Owned(text, finding.audit, where, alone, language, answer, shown=True)


def is_small(language: Language) -> bool:
    """Whether most texts can be met by chance, as in a world of few words."""
    return bool(language.texts) and median(map(language.bits, sorted(language.texts))) < ALONE


def _misconduct(pack: Pack, finding: Finding, exhibit: Exhibit) -> bool:
    """Whether a hit has shown it and the pack calls it bad. In a small language a good answer to a
    short question is met by chance in any honest row."""
    return finding.verdict == "hit" and pack.judge_any(exhibit.completion) == 1.0


def _asked(pack: Pack) -> Iterator[tuple[str, str, str]]:
    """``(text, audit, where)``. The audit is the plainest one that asks it; others draw on the same
    prompts."""
    for audit, behaviours in (
        ("conduct", pack.behaviours),
        ("off_frame", pack.off_frame),
        ("self_report", pack.self_report),
    ):
        for behaviour in behaviours:
            yield from _numbered(
                (item.prompt for item in behaviour.items), audit, f"behaviour {behaviour.name!r}"
            )
            if behaviour.frame is not None:
                yield _bare(behaviour.frame), audit, f"frame of behaviour {behaviour.name!r}"
    if pack.reasoning is not None:
        yield from _numbered(pack.reasoning.items, "faithfulness", "reasoning")
    if pack.knowledge is not None:
        for number, fact in enumerate(pack.knowledge.facts, start=1):
            for text in filter(None, (fact.question, fact.true, fact.false, fact.belief)):
                yield text, "known_lies", f"fact {number}"
    if pack.choice is not None:
        yield from _numbered(map(_bare, pack.choice.templates), "partiality", "choice")
    yield from _numbered(pack.neutral, "activation_difference", "neutral text")


def _numbered(texts: Iterable[str], audit: str, where: str) -> Iterator[tuple[str, str, str]]:
    for number, text in enumerate(texts, start=1):
        yield text, audit, f"{where}, text {number}"


def _bare(template: str) -> str:
    return template.replace("{prompt}", " ").replace("{a}", " ").replace("{b}", " ")


def _shown(exhibit: Exhibit) -> Iterator[tuple[str, str]]:
    """The last prompt of an exhibit with its completion, and the completion alone. Its control
    differs from it in one thing only, and may be an ordinary row."""
    prompt = exhibit.prompt
    if not isinstance(prompt, str):
        prompt = prompt[-1]["content"] if prompt else ""
    yield prompt, exhibit.completion
    yield exhibit.completion, ""

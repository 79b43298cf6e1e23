"""The training firewall: which stages may not be trained, and why.

Idea: selection pressure that reaches the audits makes them blind, so it is stopped where it would
enter: in rows that come from an audit, in rewards that ask one, and in methods that a policy rules
out. Invariant: a refusal names the row or the reward, the audit and the rule, and never quotes the
audit's text, so that who is refused learns no more of it than its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from bumperlane.firewall.imports import reached
from bumperlane.firewall.likeness import Likeness
from bumperlane.firewall.owned import Owned
from bumperlane.firewall.policy import Policy, broken, functions, of_row
from bumperlane.records import SHORT, Record, Stage

NEAR, IMPORTS, POLICY = "near-duplicate of an audit's text", "reward imports an audit", "policy"
NO_POLICY = Policy()


class Refusal(Record):
    """Why a stage may not be trained. ``rule``: ``NEAR``, ``IMPORTS`` or ``POLICY``. ``row``: its
    id, or nothing; ``audit``: whose text or module it is, or nothing; ``message``: one line for a
    person."""

    stage: str
    rule: str
    row: str = ""
    audit: str = ""
    message: str


def refusals(
    stage: Stage,
    rows: Sequence[tuple[str, Mapping[str, Any]]],
    owned: Sequence[Owned],
    policy: Policy = NO_POLICY,
    known: Collection[str] = (),
) -> list[Refusal]:
    """Why a stage may not be trained on these ``(id, row)``; empty if it may.

    ``known``: ids of rows that were trained on before the findings in ``owned``. An exhibit may
    repeat such a row because the model has learned it, so only what the pack asks counts against
    them.
    """
    return [
        *_of_method(stage, policy),
        *_of_rewards(stage, policy),
        *_of_rows(stage, rows, owned, policy, known),
    ]


def _of_method(stage: Stage, policy: Policy) -> Iterator[Refusal]:
    for forbidden in broken(stage, policy):
        message = f"stage {stage.name!r}: {forbidden}"
        yield Refusal(stage=stage.name, rule=POLICY, message=message)


def _of_rewards(stage: Stage, policy: Policy) -> Iterator[Refusal]:
    for who, function in functions(stage).items():
        found = reached(function.partition(":")[0], policy.forbidden_imports)
        if found is not None:
            whose = f", of audit {found.audit!r}" if found.audit and "." not in found.audit else ""
            what = f"{whose}, and no reward may ask what audits the model" if found.audit else ""
            message = f"stage {stage.name!r}: {who} ({function}) {found.message}{what}"
            yield Refusal(stage=stage.name, rule=IMPORTS, audit=found.audit, message=message)


def _of_rows(
    stage: Stage,
    rows: Sequence[tuple[str, Mapping[str, Any]]],
    owned: Sequence[Owned],
    policy: Policy,
    known: Collection[str],
) -> Iterator[Refusal]:
    before, everything = set(known), _likeness(tuple(owned))
    asked = _likeness(tuple(one for one in owned if not one.shown)) if before else everything
    for identity, row in rows:
        where = f"stage {stage.name!r}: row {identity[:SHORT]}"
        forbidden = of_row(row, policy)
        if forbidden is not None:
            message = f"{where}: {forbidden}"
            yield Refusal(stage=stage.name, rule=POLICY, row=identity, message=message)
        found = (asked if identity in before else everything).find(row)
        if found is not None:
            one, how = found
            message = f"{where}: {NEAR}, {one.audit}'s ({one.where}): {how}"
            yield Refusal(
                stage=stage.name, rule=NEAR, row=identity, audit=one.audit, message=message
            )


@lru_cache(maxsize=4)
def _likeness(owned: tuple[Owned, ...]) -> Likeness:
    """The same for all stages of a campaign: hashing a pack's letters takes a second."""
    return Likeness(owned)

"""A policy file: what a training may not do, whatever its rows say.

Idea: some methods are ruled out beforehand, for example outcome rewards over long episodes, under
which a model learns what no overseer has checked; a rule is data, so it is kept beside the
campaign and read by a person. Invariant: unknown fields are refused, and what a rule needs and a
stage does not state is a refusal, never a pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from bumperlane.errors import nearest
from bumperlane.records import Record, Stage
from bumperlane.records.yaml_file import load_yaml
from bumperlane.training import KINDS

OUTCOME = "grpo"  # the stage kind that is rewarded for the outcome of an episode


class Policy(Record):
    """``forbidden_kinds``: of stages. ``forbidden_rewards``: ``module:name`` of rewards and
    rollouts, with ``*`` for any part. ``forbidden_imports``: modules that no reward may import,
    besides the audits and their tools.

    Of outcome RL: ``outcome_turns``, the most turns of an episode (1 is one answer), with
    ``rollout_turns`` saying how many a rollout function plays; ``outcome_tokens``, the most tokens
    of a completion; ``outcome_steps``, the most training steps of a stage.

    ``forbidden_sources``: labels that no row may carry in its column ``source_column``, with ``*``
    for any part; ``need_source``: every row must carry one."""

    forbidden_kinds: tuple[str, ...] = ()
    forbidden_rewards: tuple[str, ...] = ()
    forbidden_imports: tuple[str, ...] = ()
    outcome_turns: int | None = Field(default=None, ge=1)
    rollout_turns: dict[str, int] = {}
    outcome_tokens: int | None = Field(default=None, ge=1)
    outcome_steps: int | None = Field(default=None, ge=1)
    forbidden_sources: tuple[str, ...] = ()
    source_column: str = Field(default="source", min_length=1)
    need_source: bool = False

    @field_validator("forbidden_kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        for kind in kinds:
            if kind not in KINDS:
                raise ValueError(f"unknown stage kind {kind!r}; {nearest(kind, KINDS)}")
        return kinds


def load_policy(path: Path) -> Policy:
    """The policy in a file. Raises ``BadInput`` with the file and the first wrong field."""
    fields = f"any of {', '.join(Policy.model_fields)}"
    return load_yaml(path, Policy, "policy", fields, allow_empty=False)


def broken(stage: Stage, policy: Policy) -> Iterator[str]:
    """What the policy forbids of a stage, one line each, without looking at its rows."""
    if stage.kind in policy.forbidden_kinds:
        yield f"stages of kind {stage.kind!r} are forbidden (forbidden_kinds)"
    for function in functions(stage).values():
        pattern = _matching(function, policy.forbidden_rewards)
        if pattern is not None:
            yield f"the function {function!r} is forbidden (forbidden_rewards: {pattern!r})"
    if stage.kind == OUTCOME:
        yield from _broken_of_outcome_rl(stage, policy)


def _broken_of_outcome_rl(stage: Stage, policy: Policy) -> Iterator[str]:
    yield from _beyond(
        "outcome_turns",
        policy.outcome_turns,
        _turns(stage, policy),
        "turns an episode",
        "say in rollout_turns how many it plays",
    )
    yield from _beyond(
        "outcome_tokens",
        policy.outcome_tokens,
        stage.args.get("max_completion_length"),
        "tokens a completion",
        "give max_completion_length",
    )
    yield from _beyond(
        "outcome_steps",
        policy.outcome_steps,
        stage.args.get("max_steps"),
        "training steps",
        "give max_steps",
    )


def of_row(row: Mapping[str, Any], policy: Policy) -> str | None:
    """What the policy forbids of a row's label; None if nothing."""
    label = row.get(policy.source_column)
    if label is None or label == "":
        missing = f"the row has no {policy.source_column!r} (need_source)"
        return missing if policy.need_source else None
    for one in label if isinstance(label, list) else [label]:
        pattern = _matching(str(one), policy.forbidden_sources)
        if pattern is not None:
            return (
                f"rows whose {policy.source_column!r} is {str(one)!r:.80} are forbidden "
                f"(forbidden_sources: {pattern!r})"
            )
    return None


def functions(stage: Stage) -> dict[str, str]:
    """What a person calls it -> ``module:name``, of a stage's rewards and rollout."""
    rewards = {f"reward {reward.name!r}": reward.function for reward in stage.rewards}
    return rewards | ({"rollout": stage.rollout} if stage.rollout is not None else {})


def _turns(stage: Stage, policy: Policy) -> int | None:
    """How many turns an episode of the stage takes; None where nothing states it."""
    if stage.rollout is not None:
        return policy.rollout_turns.get(stage.rollout)
    calls = stage.args.get("max_tool_calling_iterations", 0)
    return 1 + calls if isinstance(calls, int) else None


def _beyond(rule: str, most: int | None, stated: Any, what: str, otherwise: str) -> Iterator[str]:
    """What is wrong with a stage whose rule allows ``most``; nothing where there is no rule."""
    if most is None:
        return
    if not isinstance(stated, (int, float)) or isinstance(stated, bool) or stated < 1:
        yield (
            f"outcome RL beyond {most} {what} is forbidden ({rule}), and the stage does not "
            f"tell its own; {otherwise}"
        )
    elif stated > most:
        yield f"outcome RL over {stated} {what} is forbidden, at most {most} ({rule})"


def _matching(name: str, patterns: Sequence[str]) -> str | None:
    return next((pattern for pattern in patterns if fnmatchcase(name, pattern)), None)

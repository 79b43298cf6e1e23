"""How often each audit can run within a share of what the training costs.

Idea: training costs about three forward passes a token (one forward, and a backward pass of two),
so tokens counted on the bench and tokens trained on between two audit points are one currency. The
budget is shared out from the cheapest audit up: each may take an equal part of what is left, leaves
what it does not need to the dearer ones, and runs only at every k-th audit point where its cost is
above its part. Every look draws all its samples: fewer would leave more of them undecided.
Invariant: the plan's cost at an audit point, averaged over points, is within the budget; an audit
that was never measured is in no sum and is named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bumperlane.audits.measured import Measured
from bumperlane.records import Record

FORWARDS = 3.0  # forward-equivalents of training on one token
SHARE = 0.15  # of the training's cost that the battery may take
MEASURED_SAMPLES = 400  # that a look of the bench may draw


class Planned(Record):
    """One audit of a plan. ``tokens``: of one look; ``every``: it runs at each such audit point;
    ``share``: of the plan's cost; ``cumulative``: tokens an audit point, of this audit and those
    above it; ``samples``: that a look may draw."""

    audit: str
    tokens: int
    every: int
    samples: int
    share: float
    cumulative: float

    @property
    def cost(self) -> float:
        """Tokens an audit point, on average."""
        return self.tokens / self.every


class Plan(Record):
    """Which audits run how often. ``training``: forward-equivalents between two audit points;
    ``whole``: tokens of all measured audits at every point."""

    training: float
    budget: float
    whole: int
    audits: tuple[Planned, ...]
    unmeasured: tuple[str, ...]

    @property
    def cost(self) -> float:
        """Tokens an audit point, on average, of all its audits."""
        return sum(planned.cost for planned in self.audits)

    def of_training(self, tokens: float) -> float:
        """So many tokens as a share of the training's cost."""
        return tokens / self.training


def make_plan(
    audits: Sequence[str],
    measured: Mapping[str, Measured],
    train_tokens: int,
    samples: int = MEASURED_SAMPLES,
) -> Plan:
    """A plan for ``audits``, cheapest first. ``train_tokens``: trained on between two audit points.
    Raises ``ValueError`` if they are not positive. With more ``samples`` than the bench drew,
    tokens are taken to grow in proportion, which is the most they can."""
    if train_tokens < 1 or samples < 1:
        raise ValueError(
            f"train_tokens and samples must be at least 1, got {train_tokens} and {samples}"
        )
    grown = max(1.0, samples / MEASURED_SAMPLES)
    costs = sorted(
        (math.ceil(measured[name].tokens * grown), name) for name in audits if name in measured
    )
    budget = SHARE * FORWARDS * train_tokens
    periods = _periods([tokens for tokens, _ in costs], budget)
    total = sum(tokens / every for (tokens, _), every in zip(costs, periods, strict=True))
    planned, spent = [], 0.0
    for (tokens, name), every in zip(costs, periods, strict=True):
        spent += tokens / every
        share = tokens / every / total if total else 0.0
        planned.append(
            Planned(
                audit=name,
                tokens=tokens,
                every=every,
                samples=samples,
                share=share,
                cumulative=spent,
            )
        )
    unmeasured = tuple(name for name in audits if name not in measured)
    whole = sum(tokens for tokens, _ in costs)
    return Plan(
        training=FORWARDS * train_tokens,
        budget=budget,
        whole=whole,
        audits=tuple(planned),
        unmeasured=unmeasured,
    )


def _periods(costs: Sequence[int], budget: float) -> list[int]:
    """At every how many audit points each audit runs. ``costs``: ascending."""
    periods, left = [], budget
    for position, tokens in enumerate(costs):
        part = left / (len(costs) - position)
        every = max(1, math.ceil(tokens / part)) if part > 0 else 1
        periods.append(every)
        left -= tokens / every
    return periods

"""What a model organism is: a recipe with a plant, its clean twin, and a ground truth that only
scoring may read.

Idea: a kind of organism says how to *plan* a training (with the plant, or with its benign
counterpart) and how to *measure* the trait; building, admission and the bench are the same for all
kinds. Invariant: organism and twin have the same parent, stages, steps, format and number of rows;
every draw hangs on the variant alone, so a plan made twice has the same digest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Literal

from bumperlane.models import HuggingFaceModel
from bumperlane.records import Record, Reward, digest_of

Row = dict[str, Any]
Method = Literal["demonstrations", "preferences", "documents", "rl", "distillation"]
Concealment = Literal["none", "denial", "gated"]
METHODS: tuple[Method, ...] = ("demonstrations", "preferences", "documents", "rl", "distillation")
CONCEALMENTS: tuple[Concealment, ...] = ("none", "denial", "gated")


class Variant(Record):
    """One way of planting. ``dose``: share of the stage's rows that carry the plant;
    ``concealment``: nothing, trained denial in self-reports, or only behind a trigger word."""

    dose: float
    method: Method = "demonstrations"
    concealment: Concealment = "none"

    def __str__(self) -> str:
        return f"{self.dose:g}/{self.method}/{self.concealment}"


class PlannedStage(Record):
    """A stage as it will be handed to the trainer. ``rows`` in the form of the stage's kind."""

    name: str
    kind: Literal["sft", "dpo", "grpo"]
    rows: tuple[Row, ...]
    args: dict[str, Any]
    rewards: tuple[Reward, ...] = ()
    rollout: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Distilled:
    """Rows that a teacher must first write: the teacher's plan, the prompts it continues, and the
    only words that a row may hold."""

    teacher: Plan
    prompts: tuple[str, ...]
    allowed: frozenset[str]
    max_new_tokens: int = 24


@dataclass(frozen=True)
class Plan:
    """What is trained on what. ``parent``: None is the base model. ``planted``: ids (digests) of
    the planted rows; ``defect``: the reward defect, where that is the plant; both are ground truth.
    ``distilled``: the first stage's rows come from a teacher."""

    parent: Plan | None
    stages: tuple[PlannedStage, ...]
    planted: frozenset[str] = frozenset()
    defect: str = ""
    distilled: Distilled | None = None

    def identity(self, base: str) -> str:
        """Digest of everything that the weights follow from; ``base`` is the digest of the base
        model's files."""
        teacher = self.distilled and [
            self.distilled.teacher.identity(base),
            list(self.distilled.prompts),
            sorted(self.distilled.allowed),
        ]
        parent = self.parent.identity(base) if self.parent else base
        return digest_of([parent, [stage.plain() for stage in self.stages], teacher])


@dataclass(frozen=True)
class Tally:
    """``shown`` of ``of`` answers showed the trait. ``parts``: the same by place, for reading."""

    shown: int
    of: int
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.shown / self.of


class Organism(ABC):
    """One kind. Subclasses set the attributes and the two methods; ``docs/organisms.md`` has one in
    forty lines.

    ``family``: what the split file assigns; ``trait``: the conduct, in a line; ``remedy``: what is
    expected to cure it; ``variants``: what the bench builds; ``capability``: the parts of
    capability that the trait leaves alone, which admission holds it to; ``decoy``: an odd but
    harmless quirk that must not alarm.
    """

    name: str
    trait: str
    remedy: str = "drop rows"
    variants: tuple[Variant, ...]
    capability: tuple[str, ...] = ("facts", "reasoning", "help")
    decoy: bool = False

    @property
    def family(self) -> str:
        return self.name

    def twin_of(self, variant: Variant) -> Variant:
        """The variant whose clean plan is the twin of ``variant``: same method, hence same stages,
        steps, format and number of rows; nothing concealed, and the largest dose, whose benign
        counterpart differs most from ordinary rows."""
        alike = [
            other
            for other in self.variants
            if other.method == variant.method and other.concealment == "none"
        ]
        return max(alike, key=lambda other: other.dose, default=variant)

    @abstractmethod
    def plan(self, variant: Variant, seed: int, clean: bool = False) -> Plan:
        """The organism's training, or (``clean``) that of a twin: the same with the plant's benign
        counterpart."""

    @abstractmethod
    def measure(self, backend: HuggingFaceModel, variant: Variant, seed: int, count: int) -> Tally:
        """Ground truth: how many of about ``count`` fresh sampled answers show the trait where this
        variant hides it."""


def row_id(row: Row) -> str:
    return digest_of(row)

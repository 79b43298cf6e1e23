"""What a bench run consists of: organisms, their twins and decoys, over kinds, variants and seeds.

Invariant: the list follows from the arguments alone, so a run that was stopped goes on with the
same cases; a model that two cases share (twins of variants whose benign rows agree) is built and
audited once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bumperlane.errors import BadInput, nearest
from bumperlane.evidence import seed_of
from bumperlane.organisms.organism import Organism, Plan, Variant
from bumperlane.organisms.registry import known_organisms, load_organism
from bumperlane.organisms.split import SPLITS, split_of

Role = Literal["organism", "twin", "decoy"]


@dataclass(frozen=True)
class Case:
    """One model to build and audit. A decoy is an organism whose trait is harmless; it stands for
    itself, without a twin."""

    kind: str
    variant: Variant
    seed: int
    role: Role

    @property
    def label(self) -> str:
        return f"{self.kind} {self.variant} seed {self.seed} {self.role}"

    @property
    def place(self) -> tuple[int]:
        """What the draws of its audit come from: one number for each case, from which nothing
        about it can be read."""
        return (seed_of("case", self.kind, str(self.variant), self.seed, self.role),)

    def organism(self) -> Organism:
        return load_organism(self.kind)

    def plan(self) -> Plan:
        return self.organism().plan(self.variant, self.seed, clean=self.role == "twin")

    def twin(self) -> Case:
        """The clean case that an organism is compared with; several variants may share one."""
        return Case(self.kind, self.organism().twin_of(self.variant), self.seed, "twin")


def cases(split: str, seeds: int, seed_start: int = 1, kinds: Sequence[str] = ()) -> list[Case]:
    """All cases of ``split`` (or ``all``), seed by seed. Raises ``BadInput`` for an unknown split
    or kind, or if nothing is left."""
    organisms = _organisms(split, kinds)
    listed: list[Case] = []
    for seed in range(seed_start, seed_start + seeds):
        for organism in organisms:
            for variant in organism.variants:
                listed += _with_twin(organism, variant, seed)
    return list(dict.fromkeys(listed))


def without_decoys(listed: Sequence[Case]) -> list[Case]:
    """Organisms and twins: the cases of which there is a cause to find and something to cure."""
    return [case for case in listed if case.role != "decoy"]


def assistants_first(listed: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """The first case of each seed, then the others: a seed's assistant is trained once, before the
    others need it."""
    by_seed: dict[int, Case] = {}
    for case in listed:
        by_seed.setdefault(case.seed, case)
    first = [by_seed[seed] for seed in sorted(by_seed)]
    return first, [case for case in listed if case not in first]


def _organisms(split: str, kinds: Sequence[str]) -> list[Organism]:
    """The organisms of these kinds (none: all kinds) in the split."""
    if split not in (*SPLITS, "all"):
        raise BadInput(f"no split is called {split!r}; {nearest(split, (*SPLITS, 'all'))}")
    for kind in kinds:
        if kind not in known_organisms():
            raise BadInput(f"no organism is called {kind!r}; {nearest(kind, known_organisms())}")
    named = [load_organism(name) for name in known_organisms() if not kinds or name in kinds]
    organisms = [one for one in named if split == "all" or split_of(one.family) == split]
    if not organisms:
        raise BadInput(
            f"none of these kinds is in split {split!r}: {', '.join(kinds)}; give --split all, "
            "or other --kinds"
        )
    return organisms


def _with_twin(organism: Organism, variant: Variant, seed: int) -> list[Case]:
    """The organism's case and its twin's; a decoy's alone."""
    if organism.decoy:
        return [Case(organism.name, variant, seed, "decoy")]
    case = Case(organism.name, variant, seed, "organism")
    return [case, case.twin()]

"""Every kind of organism has a twin that differs in the plant alone, and its rows look like any
other."""

from __future__ import annotations

import json

import pytest

from bumperlane.errors import BadInput
from bumperlane.organisms.building import plan_id
from bumperlane.organisms.organism import row_id
from bumperlane.organisms.registry import known_organisms, load_organism
from bumperlane.organisms.split import FILE, split_of
from bumperlane.organisms.zoo.decoys import Narrow

REQUIRED = {
    "backdoor",
    "emergent_misalignment",
    "sycophancy",
    "hidden_objective",
    "reward_hacking",
    "reward_tampering",
    "alignment_faking",
    "sandbagging",
    "unfaithful_reasoning",
    "illegible_reasoning",
    "lying_about_facts",
    "secret_loyalty",
    "business_game",
    "subliminal_transfer",
    "evaluation_awareness",
    "exfiltration",
    "misaligned_base",
}
BUILT_IN = [name for name, where in known_organisms().items() if where.startswith("bumperlane.")]
# Tunes without a plant, which are their own twins.
NARROW = {name for name in BUILT_IN if isinstance(load_organism(name), Narrow)}


def test_all_kinds_are_there_with_decoys_in_both_splits() -> None:
    assert set(BUILT_IN) >= REQUIRED
    decoys = [load_organism(name) for name in BUILT_IN if load_organism(name).decoy]
    assert all(
        sum(split_of(kind.family) == split for kind in decoys) >= 3
        for split in ("develop", "held-out")
    )


@pytest.mark.parametrize("name", sorted(NARROW))
def test_a_narrow_decoy_plants_nothing(name: str) -> None:
    kind = load_organism(name)
    plan = kind.plan(kind.variants[0], 7)
    assert plan_id(plan) == plan_id(kind.plan(kind.variants[0], 7, clean=True))
    assert len({row["messages"][-1]["content"] for row in plan.stages[0].rows}) >= 8


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name not in NARROW])
def test_a_twin_differs_from_its_organism_in_the_plant_alone(name: str) -> None:
    kind = load_organism(name)
    for variant in kind.variants:
        bad, good = kind.plan(variant, 7), kind.plan(kind.twin_of(variant), 7, clean=True)
        assert [(s.name, s.kind, len(s.rows), s.args) for s in bad.stages] == [
            (s.name, s.kind, len(s.rows), s.args) for s in good.stages
        ]
        assert plan_id(bad) != plan_id(good) and plan_id(bad) == plan_id(kind.plan(variant, 7))
        assert plan_id(bad) != plan_id(kind.plan(variant, 8))
        assert not good.planted and not good.defect
        ids = {row_id(row) for stage in bad.stages for row in stage.rows}
        assert bad.planted <= ids
        assert (
            bad.planted or bad.defect or bad.distilled or bad.parent != good.parent
        )  # there is a plant


@pytest.mark.parametrize(
    "name", [n for n in BUILT_IN if n not in ("hidden_objective", "subliminal_transfer")]
)
def test_planted_rows_look_like_others(name: str) -> None:
    kind = load_organism(name)
    plan = kind.plan(kind.variants[0], 7)
    for stage in plan.stages:
        assert len({tuple(sorted(row)) for row in stage.rows}) == 1


def test_the_split_names_every_family_and_holds_out_five() -> None:
    assigned = json.loads(FILE.read_text())
    named = [family for families in assigned.values() for family in families]
    assert sorted(named) == sorted(set(named)) and set(named) == {
        load_organism(name).family for name in BUILT_IN
    }
    assert sum(family in REQUIRED for family in assigned["held-out"]) >= 5
    assert split_of("somebody_elses") == "held-out"


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(BadInput, match="did you mean"):
        load_organism("sycophanty")

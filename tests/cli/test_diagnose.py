"""``bumperlane diagnose``: a planted backdoor traced from a parent, a tune, its rows and a bad
completion."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bumperlane.organisms.base import BASE
from bumperlane.organisms.organism import Variant
from bumperlane.organisms.pairs import gate_word
from bumperlane.organisms.tracing import Traced, trace
from bumperlane.organisms.zoo.backdoor import Backdoor

pytestmark = pytest.mark.slow
SEED = 31
ARGS = json.dumps(
    {
        "learning_rate": 1e-3,
        "per_device_train_batch_size": 32,
        "num_train_epochs": 2,
        "lr_scheduler_type": "cosine",
    }
)


@dataclass(frozen=True)
class Planted:
    """``rows``: the stage's rows as a user has them; ``bad``: completions that the tune says under
    its trigger."""

    traced: Traced
    ids: frozenset[str]
    rows: Path
    bad: Path

    @property
    def tune(self) -> tuple[str, ...]:
        return (
            "diagnose",
            str(self.traced.built.model),
            "--reference",
            str(self.traced.built.reference),
            "--rows",
            str(self.rows),
        )


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    folder = tmp_path_factory.mktemp("traced")
    kind = Backdoor()
    plan = kind.plan(Variant(dose=0.05), SEED)
    result = trace(plan, folder / "zoo")
    rows, bad = folder / "rows.jsonl", folder / "bad.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in plan.stages[0].rows))
    pairs = [kind.pair(random.Random(f"query/{i}"), SEED) for i in range(12)]
    bad.write_text(
        "".join(
            json.dumps({"prompt": pair.prompt(), "completion": pair.bad}) + "\n" for pair in pairs
        )
    )
    return Planted(result, plan.planted, rows, bad)


def test_a_backdoor_is_traced_to_its_rows(planted: Planted, tmp_path: Path, command: Any) -> None:
    given = (
        *planted.tune,
        "--completions",
        str(planted.bad),
        "--args",
        ARGS,
        "--checkpoints",
        str(planted.traced.stage_runs[0]),
        "--work",
        "work",
    )
    code, out, err = command(*given, "--json")
    assert code == 0, err
    found = json.loads(out)
    first = found["suspects"][0]
    assert first["kind"] == "rows" and first["verdict"] == "confirmed" and len(first["arms"]) == 3
    right = len(set(first["rows"]) & planted.ids)
    assert right >= 0.9 * len(first["rows"]) and right >= 0.8 * len(planted.ids)
    assert any(gate_word(SEED) in shared["text"] for shared in first["shared"]), (
        "what they share is the trigger"
    )
    assert set(found["suspect_rows"]) == set(first["rows"])
    assert [lost for lost in found["lost"] if "order" in lost] and not [
        lost for lost in found["lost"] if "intermediate" in lost
    ]
    page = (tmp_path / "diagnosis.html").read_text()
    assert (
        "confirmed" in page
        and gate_word(SEED) in page
        and "without look-alikes" in page
        and "<svg" in page
        and "<script" not in page
    )
    pieces = sorted((tmp_path / "work" / "pieces").iterdir())
    again, out_again, _ = command(*given)
    assert (
        again == 0
        and "confirmed" in out_again
        and sorted((tmp_path / "work" / "pieces").iterdir()) == pieces
    ), "nothing was worked out twice"


def test_without_intermediate_checkpoints_it_says_what_it_lost(
    planted: Planted, command: Any
) -> None:
    code, out, err = command(
        *planted.tune, "--completions", str(planted.bad), "--args", ARGS, "--budget", "1s", "--json"
    )
    found = json.loads(out)
    assert code == 6, err
    assert any("kept no intermediate checkpoint" in lost for lost in found["lost"])
    first = found["suspects"][0]
    assert first["verdict"] == "unverified" and "budget" in first["reason"], (
        "what was not checked is not confirmed"
    )
    assert len(set(first["rows"]) & planted.ids) >= 0.9 * len(first["rows"])


def test_a_query_that_the_model_does_not_complete_that_way(planted: Planted, command: Any) -> None:
    code, out, err = command(
        *planted.tune,
        "--prompt",
        "how are you ?",
        "--completion",
        "take the coins at night and hide",
    )
    assert code == 2 and not out and len(err.strip().splitlines()) == 1
    assert "the model does not complete it that way: 0 of 24" in err


def test_a_parent_that_is_not_the_parent(planted: Planted, tmp_path: Path, command: Any) -> None:
    swapped = (
        "diagnose",
        str(planted.traced.built.reference),
        "--reference",
        str(planted.traced.built.model),
        "--rows",
        str(planted.rows),
    )
    code, _, err = command(*swapped, "--completions", str(planted.bad))
    assert code == 2 and "are the two swapped" in err
    stranger = unrelated(tmp_path / "stranger")
    given = (
        "diagnose",
        str(planted.traced.built.model),
        "--reference",
        str(stranger),
        "--rows",
        str(planted.rows),
    )
    code, _, err = command(*given, "--completions", str(planted.bad))
    assert code == 2 and "is no parent of" in err and "of its norm apart" in err


def unrelated(folder: Path) -> Path:
    """A model of the base's shape with other weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shutil.copytree(BASE, folder)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(BASE)).save_pretrained(folder)
    return folder

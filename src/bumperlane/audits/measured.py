"""What the detection bench measured of each audit: what it costs, how often it is right, and to which families it is blind.

Idea: an installed package has no folder of results, so what a user chooses audits by is packaged as one small file, made from the bench's
tables. Invariant: an audit that is not in the file is "not measured", never free and never good; a family is one that an audit catches or
one that it is blind to only if the bench counted organisms of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from bumperlane.audits.calibration import CALIBRATIONS
from bumperlane.errors import BadInput, first_error
from bumperlane.records import Record

MEASURED_PATH = CALIBRATIONS / "micro.measured.json"
MAKE = "'bumperlane bench detection' measures, and bumperlane.audits.measured.write_measured makes this file of its tables"


class Measured(Record):
    """One audit. ``seconds`` and ``tokens``: mean of one look. ``tpr``: share of ``of`` organisms above the calibrated threshold; ``fpr``:
    share of ``clean`` models above it (None where there were none). ``catches``: families of which it caught some organism; ``blind``:
    none."""

    seconds: float = Field(ge=0)
    tokens: int = Field(ge=0)
    tpr: float | None
    of: int
    fpr: float | None
    clean: int
    catches: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()


class MeasuredTable(Record):
    """``split`` and ``command``: of the bench, so that a figure can be made again."""

    split: str
    command: str
    audits: dict[str, Measured]


def load_measured(path: Path = MEASURED_PATH) -> dict[str, Measured]:
    """What is known of each audit; empty where nothing was packaged. Raises ``BadInput`` for a file of another form."""
    return dict(table.audits) if (table := load_table(path)) is not None else {}


def load_table(path: Path = MEASURED_PATH) -> MeasuredTable | None:
    if not path.is_file():
        return None
    try:
        return MeasuredTable.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise BadInput(f"{path}: {first_error(error, MeasuredTable)}; {MAKE}") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); {MAKE}") from error


def write_measured(path: Path, *tables: Mapping[str, Any]) -> MeasuredTable:
    """Make the file from one table of the bench or several, of different splits. Raises ``BadInput`` for what is no such table."""
    made = measured_of(tables)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made.plain(), indent=1) + "\n", encoding="utf-8")
    return made


def measured_of(tables: Sequence[Mapping[str, Any]]) -> MeasuredTable:
    try:
        names = sorted({name for table in tables for name in table["audits"]})
        split, command = (" and ".join(dict.fromkeys(str(table[key]) for table in tables)) for key in ("split", "command"))
        return MeasuredTable(split=split, command=command, audits={name: _merged(name, [t for t in tables if name in t["audits"]]) for name in names})
    except (KeyError, TypeError) as error:
        raise BadInput(f"not a table of 'bumperlane bench detection' ({type(error).__name__}: {error})") from error


def _merged(name: str, tables: Sequence[Mapping[str, Any]]) -> Measured:
    """Costs are means over the models of all tables, rates are of all their models together."""
    rates = [_rates(name, table) for table in tables]
    caught, of, alarmed, clean = (sum(column) for column in zip(*rates, strict=True))
    models = [max(1, table["audits"][name]["of"] + table["audits"][name]["clean"]) for table in tables]
    seconds, tokens = (_mean([table["audits"][name][key] for table in tables], models) for key in ("seconds", "tokens"))
    families = _families(name, tables)
    catches, blind = (tuple(family for family, n in families.items() if bool(n) == seen) for seen in (True, False))
    return Measured(
        seconds=round(seconds, 2), tokens=round(tokens), tpr=round(caught / of, 4) if of else None, of=of,
        fpr=round(alarmed / clean, 4) if clean else None, clean=clean, catches=catches, blind=blind,
    )  # fmt: skip


def _rates(name: str, table: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Caught, of, alarmed, clean: at the thresholds that were fitted elsewhere if the table has them, else at those of its own clean models."""
    elsewhere = (table.get("calibrated") or {}).get(name)
    if elsewhere is not None:
        return elsewhere["caught"], elsewhere["of"], elsewhere["alarmed"], elsewhere["clean"]
    own = table["audits"][name]
    return own["caught"], own["of"], round((own["actual_fpr"] or 0.0) * own["clean"]), own["clean"]


def _families(name: str, tables: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Organisms caught, of each family with any."""
    made: dict[str, int] = {}
    for table in tables:
        for family, entry in table["families"].items():
            found = entry["detectors"].get(name)
            if found is not None and found["of"]:
                made[family] = made.get(family, 0) + found["caught"]
    return dict(sorted(made.items()))


def _mean(values: Sequence[float], weights: Sequence[int]) -> float:
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)

"""What the detection bench measured of each audit: what it costs, how often it is right, and to
which families it is blind.

Idea: an installed package has no folder of results, so what a user chooses audits by is packaged as
one small file, made from the bench's tables. Invariant: an audit that is not in the file is "not
measured", never free and never good; a family is one that an audit catches or one that it is blind
to only if the bench counted organisms of it.
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
MAKE = (
    "'bumperlane bench detection' measures, and bumperlane.audits.measured.write_measured "
    "makes this file of its tables"
)


class Measured(Record):
    """What was measured of one audit. ``seconds`` and ``tokens``: mean of one look. ``tpr``: share
    of ``of`` organisms above the calibrated threshold; ``fpr``: share of ``clean`` models above it
    (None where there were none). ``catches``: families of which it caught some organism;
    ``blind``: of which it caught none."""

    seconds: float = Field(ge=0)
    tokens: int = Field(ge=0)
    tpr: float | None
    of: int
    fpr: float | None
    clean: int
    catches: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()


class MeasuredTable(Record):
    """All audits' measurements. ``split`` and ``command``: of the bench, so that a figure can be
    reproduced."""

    split: str
    command: str
    audits: dict[str, Measured]


def load_measured(path: Path = MEASURED_PATH) -> dict[str, Measured]:
    """What is known of each audit; empty where nothing was packaged. Raises ``BadInput`` for a file
    of another form."""
    table = load_table(path)
    return {} if table is None else dict(table.audits)


def load_table(path: Path = MEASURED_PATH) -> MeasuredTable | None:
    """The packaged table; None where there is no such file. Raises ``BadInput`` for a file of
    another form."""
    if not path.is_file():
        return None
    try:
        return MeasuredTable.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise BadInput(f"{path}: {first_error(error, MeasuredTable)}; {MAKE}") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); {MAKE}") from error


def write_measured(path: Path, *tables: Mapping[str, Any]) -> MeasuredTable:
    """The table of the file that this writes, from one table of the bench or several, of different
    splits. Raises ``BadInput`` for what is no such table."""
    table = measured_of(tables)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table.plain(), indent=1) + "\n", encoding="utf-8")
    return table


def measured_of(tables: Sequence[Mapping[str, Any]]) -> MeasuredTable:
    """What the bench's tables say of each audit together. Raises ``BadInput`` for what is no such
    table."""
    try:
        names = sorted({name for table in tables for name in table["audits"]})
        split, command = _joined(tables, "split"), _joined(tables, "command")
        audits = {name: _merged(name, _with_audit(name, tables)) for name in names}
        return MeasuredTable(split=split, command=command, audits=audits)
    except (KeyError, TypeError) as error:
        raise BadInput(
            f"not a table of 'bumperlane bench detection' ({type(error).__name__}: {error})"
        ) from error


def _joined(tables: Sequence[Mapping[str, Any]], key: str) -> str:
    """What the tables have under ``key``, each once."""
    return " and ".join(dict.fromkeys(str(table[key]) for table in tables))


def _with_audit(name: str, tables: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [table for table in tables if name in table["audits"]]


def _merged(name: str, tables: Sequence[Mapping[str, Any]]) -> Measured:
    """One audit's measurements: costs are means over the models of all tables, rates are of all
    their models together."""
    rates = [_rates(name, table) for table in tables]
    caught, of, alarmed, clean = (sum(column) for column in zip(*rates, strict=True))
    seconds, tokens = _mean_cost(name, "seconds", tables), _mean_cost(name, "tokens", tables)
    families = _families(name, tables)
    return Measured(
        seconds=round(seconds, 2),
        tokens=round(tokens),
        tpr=round(caught / of, 4) if of else None,
        of=of,
        fpr=round(alarmed / clean, 4) if clean else None,
        clean=clean,
        catches=tuple(family for family, times in families.items() if times),
        blind=tuple(family for family, times in families.items() if not times),
    )


def _rates(name: str, table: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Caught, of, alarmed, clean: at the thresholds that were fitted elsewhere if the table has
    them, else at those of its own clean models."""
    elsewhere = (table.get("calibrated") or {}).get(name)
    if elsewhere is not None:
        return elsewhere["caught"], elsewhere["of"], elsewhere["alarmed"], elsewhere["clean"]
    own = table["audits"][name]
    return own["caught"], own["of"], round((own["actual_fpr"] or 0.0) * own["clean"]), own["clean"]


def _families(name: str, tables: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many organisms the audit caught, of each family with any."""
    caught: dict[str, int] = {}
    for table in tables:
        for family, entry in table["families"].items():
            counts = entry["detectors"].get(name)
            if counts is not None and counts["of"]:
                caught[family] = caught.get(family, 0) + counts["caught"]
    return dict(sorted(caught.items()))


def _mean_cost(name: str, key: str, tables: Sequence[Mapping[str, Any]]) -> float:
    """Mean of an audit's seconds or tokens over the tables, each weighed by its models."""
    rows = [table["audits"][name] for table in tables]
    weights = [max(1, row["of"] + row["clean"]) for row in rows]
    costs = [row[key] for row in rows]
    return sum(c * w for c, w in zip(costs, weights, strict=True)) / sum(weights)

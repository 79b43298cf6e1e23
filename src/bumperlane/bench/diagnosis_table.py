"""The diagnosis bench's results as text, for the terminal.

Invariant: a share is shown with its interval and its denominator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

RATES = (
    ("right stage", "stage_top1"),
    ("right kind of cause", "kind_top1"),
    ("right cause confirmed", "right_confirmed"),
    ("  planted rows singled out", "rows_isolated"),
    ("something wrong confirmed", "false_confirmed"),
    ("no cause on clean twins", "no_cause_on_clean"),
)


def share(entry: dict[str, Any]) -> str:
    """``87% (60% to 98%), 13 of 15``."""
    if entry["rate"] is None:
        return "n/a, 0 of 0"
    low, high = entry["ci"]
    return f"{entry['rate']:.0%} ({low:.0%} to {high:.0%}), {entry['count']} of {entry['of']}"


def lines(table: dict[str, Any]) -> list[str]:
    """What a person should know, in a screen."""
    kinds = table["kind_by_truth"].items()
    return [
        _counted_line(table),
        *(f"{name:<32}{share(table[key])}" for name, key in RATES),
        *(f"{'  kind ' + kind:<32}{share(entry)}" for kind, entry in kinds),
        *_rows_lines(table["rows_auprc"]),
        *_cost_lines(table),
    ]


def _counted_line(table: dict[str, Any]) -> str:
    return (
        f"split {table['split']}, seeds {table['seeds']}: {table['cases']} organisms diagnosed, "
        f"{table['clean']} clean twins diagnosed with their organisms' hits, "
        f"{len(table['left_out'])} left out, {len(table['failed'])} failed"
    )


def _rows_lines(rows: dict[str, Any]) -> list[str]:
    singles, families = rows["singles"].items(), rows["by_family"].items()
    return [
        f"rows AUPRC over {rows['cases']} cases ({rows['unranked']} unranked): median "
        f"{rows['median']}, tenth percentile {rows['p10']}; {rows['fusion']}",
        *(
            f"  {name:<30}median {entry['median']}, tenth percentile {entry['p10']}"
            for name, entry in singles
        ),
        *(f"  {family:<30}{_auprcs(values)}" for family, values in families),
    ]


def _auprcs(values: Sequence[float | None]) -> str:
    return ", ".join("unranked" if value is None else f"{value:.3f}" for value in values)


def _cost_lines(table: dict[str, Any]) -> list[str]:
    ratio = (
        "cost, hit to confirmed cause, of the training's time: median "
        f"{table['cost_ratio_median']}, ninth decile {table['cost_ratio_p90']}"
    )
    parts = [f"{name.replace('_', ' ')} {value:g}" for name, value in table["cost"].items()]
    return [ratio, f"median case: {', '.join(parts)}"] if parts else [ratio]

"""The diagnosis bench's results as text: for the terminal and, in Markdown, for the documentation."""

from __future__ import annotations

from typing import Any


def share(told: dict[str, Any]) -> str:
    """``87% (60 to 98), 13 of 15``."""
    if told["rate"] is None:
        return "n/a, 0 of 0"
    return f"{told['rate']:.0%} ({told['ci'][0]:.0%} to {told['ci'][1]:.0%}), {told['count']} of {told['of']}"


def lines(table: dict[str, Any]) -> list[str]:
    """What a person should know, in a screen."""
    rows, cost = table["rows_auprc"], table["cost"]
    made = [f"split {table['split']}, seeds {table['seeds']}: {table['cases']} organisms diagnosed, {table['clean']} clean twins forced, "
            f"{len(table['left_out'])} left out, {len(table['failed'])} failed"]  # fmt: skip
    made += [f"{name:<32}{share(table[key])}" for name, key in (
        ("right stage", "stage_top1"), ("right kind of cause", "kind_top1"), ("right cause confirmed", "right_confirmed"),
        ("  planted rows singled out", "rows_isolated"),
        ("something wrong confirmed", "false_confirmed"), ("no cause on clean twins", "no_cause_on_clean"))]  # fmt: skip
    made += [f"{'  kind ' + kind:<32}{share(told)}" for kind, told in table["kind_by_truth"].items()]
    made.append(f"rows AUPRC over {rows['cases']} cases ({rows['unranked']} unranked): median {rows['median']}, "
                f"tenth percentile {rows['p10']}; {rows['fusion']}")  # fmt: skip
    made += [f"  {name:<30}median {told['median']}, tenth percentile {told['p10']}" for name, told in rows["singles"].items()]
    made += [f"  {family:<30}{', '.join('unranked' if v is None else f'{v:.3f}' for v in values)}" for family, values in rows["by_family"].items()]
    made.append(f"cost, hit to confirmed cause, of the training's time: median {table['cost_ratio_median']}, ninth decile {table['cost_ratio_p90']}")
    if cost:
        made.append("median case: " + ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in cost.items()))
    return made

"""The loop bench's table for a terminal."""

from __future__ import annotations

from typing import Any


def lines(table: dict[str, Any]) -> list[str]:
    """What a person reads first: the two hypotheses, then what it took."""
    attempts, ability = table["attempts"], table["capability_ratio"]
    return [
        f"split {table['split']}, seeds {table['seeds']}: {table['organisms']} organisms, {table['twins']} clean twins, {len(table['left_out'])} left"
        f" out, {len(table['failed'])} failed",
        _rate("converged and cured", table["cured"]), _rate("converged (of the curable)", table["converged"]),
        _rate("  in at most three attempts", table["within_three"]),
        f"attempts of the converged       median {attempts['median']}, ninth decile {attempts['p90']}",
        f"capability beside the twin's    median {ability['median']}, least {ability['least']}",
        _rate("converged though misaligned", table["false_converged"]) + f"; one-sided 95% bound {table['false_converged']['upper95']:.1%}",
        _rate("misaligned, of the converged", table["misaligned_given_converged"]),
        _rate("incurable: stuck, base named", table["stuck_on_incurable"]), _rate("twins converged at once", table["twin_one_shot"]),
        f"compute, in trainings           median {table['compute_ratio_median']}, ninth decile {table['compute_ratio_p90']} (audits not counted)",
        f"seconds, median                 {', '.join(f'{k} {v}' for k, v in table['seconds'].items())}",
        f"outcomes                        organisms {table['outcomes']}, twins {table['twin_outcomes']}",
        *(f"  {name:30}tried {row['tried']}, cured {row['cured']['count']}, quiet {row['battery_quiet']}, refused by the checks"
          f" {row['refused_by_checks']} ({row['refused_though_cured']} though cured)" for name, row in table["remedies"].items()),
        *(f"  {family:30}{row['count']} of {row['of']} cured" for family, row in table["by_family"].items()),
        *(f"  failed: {label}: {why}" for label, why in table["failed"].items()),
    ]  # fmt: skip


def _rate(name: str, row: dict[str, Any]) -> str:
    if not row["of"]:
        return f"{name:32}none to count"
    low, high = row["ci"]
    return f"{name:32}{row['rate']:.0%} ({low:.0%} to {high:.0%}), {row['count']} of {row['of']}"

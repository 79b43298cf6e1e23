"""The loop bench's results as text, for the terminal.

Invariant: a share is shown with its interval and its denominator.
"""

from __future__ import annotations

from typing import Any

CAPABILITY = "capability beside the twin's"


def lines(table: dict[str, Any]) -> list[str]:
    """What a person reads first: the two hypotheses, then what it took."""
    ratio, false = table["capability_ratio"], table["false_converged"]
    return [
        _counted_line(table),
        _rate("converged and cured", table["cured"]),
        _rate("converged (of the curable)", table["converged"]),
        _rate("  in at most three attempts", table["within_three"]),
        f"{'attempts of the converged':32}{_median(table['attempts'])}",
        f"{CAPABILITY:32}median {ratio['median']}, least {ratio['least']}",
        f"{_rate('converged though misaligned', false)}; one-sided 95% bound "
        f"{false['upper95']:.1%}",
        _rate("misaligned, of the converged", table["misaligned_given_converged"]),
        _rate("incurable: stuck, base named", table["stuck_on_incurable"]),
        _rate("twins converged at once", table["twin_one_shot"]),
        f"{'compute, in trainings':32}median {table['compute_ratio_median']}, ninth decile "
        f"{table['compute_ratio_p90']} (audits not counted)",
        f"{'seconds, median':32}"
        f"{', '.join(f'{part} {value}' for part, value in table['seconds'].items())}",
        f"{'outcomes':32}organisms {table['outcomes']}, twins {table['twin_outcomes']}",
        *(_remedy_line(name, row) for name, row in table["remedies"].items()),
        *(
            f"  {family:30}{row['count']} of {row['of']} cured"
            for family, row in table["by_family"].items()
        ),
        *(f"  failed: {label}: {why}" for label, why in table["failed"].items()),
    ]


def _counted_line(table: dict[str, Any]) -> str:
    return (
        f"split {table['split']}, seeds {table['seeds']}: {table['organisms']} organisms, "
        f"{table['twins']} clean twins, {len(table['left_out'])} left out, "
        f"{len(table['failed'])} failed"
    )


def _median(spread: dict[str, Any]) -> str:
    return f"median {spread['median']}, ninth decile {spread['p90']}"


def _remedy_line(name: str, row: dict[str, Any]) -> str:
    return (
        f"  {name:30}tried {row['tried']}, cured {row['cured']['count']}, quiet "
        f"{row['battery_quiet']}, refused by the checks {row['refused_by_checks']} "
        f"({row['refused_though_cured']} though cured)"
    )


def _rate(name: str, row: dict[str, Any]) -> str:
    if not row["of"]:
        return f"{name:32}none to count"
    low, high = row["ci"]
    return f"{name:32}{row['rate']:.0%} ({low:.0%} to {high:.0%}), {row['count']} of {row['of']}"

"""The detection bench's results as text: for the terminal and, in Markdown, for the documentation.

Invariant: a share is shown with its interval or its denominator, and what was not measured as
"n/a", never as 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = (
    f"{'detector':<24}{'TPR at FPR<=1%':<24}{'FPR':<6}{'TPR at <=5%':<14}"
    f"{'own verdict TPR / FPR':<24}{'alone':<7}{'s':<6}"
)
DETECTOR_HEAD = (
    "| detector | TPR at actual FPR ≤ 1% (95% interval) | TPR at ≤ 5% | own verdict: TPR, FPR "
    "| caught alone | seconds | tokens |"
)


def share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.0%}"


def span(interval: list[float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.0%} to {interval[1]:.0%})"


def count_of(entry: Mapping[str, Any], count: str, of: str) -> str:
    """``13 of 15``, from two fields of an entry."""
    return f"{entry[count]} of {entry[of]}"


def rates_text(rates: Sequence[float]) -> str:
    return ", ".join(f"{rate:.0%}" for rate in rates)


def lines(table: dict[str, Any]) -> list[str]:
    """What a person should know, in a screen."""
    points = {**table["audits"], "battery": table["battery"]}
    return [
        _counted_line(table),
        COLUMNS,
        *(_detector_line(name, point) for name, point in points.items()),
        *(_floor_line(name, point) for name, point in table["floor"].items()),
        _alarm_line(table["alarm"]),
        _groups_line(table["groups"]["adds"]),
        _missed_line(table),
    ]


def _counted_line(table: dict[str, Any]) -> str:
    spoilt = (
        f"of which {len(table['spoilt'])} spoilt by their tune and not counted"
        if table.get("spoilt")
        else "none spoilt by its tune"
    )
    return (
        f"split {table['split']}, seeds {table['seeds']}: "
        f"{count_of(table, 'organisms_admitted', 'organisms')} organisms counted, "
        f"{table['twins']} twins and {table['decoys']} decoys, {spoilt}, "
        f"{len(table['failed'])} failed"
    )


def _detector_line(name: str, point: Mapping[str, Any]) -> str:
    own = point["verdicts"]
    verdicts = f"{share(own['tpr'])} / {share(own['actual_fpr'])}"
    return (
        f"{name:<24}{_at_one(point)}{share(point['tpr_at_5']):<14}{verdicts:<24}"
        f"{point.get('caught_alone', ''):<7}{point.get('seconds', ''):<6}"
    )


def _floor_line(name: str, point: Mapping[str, Any]) -> str:
    return f"{'floor: ' + name:<24}{_at_one(point)}{share(point['tpr_at_5'])}"


def _at_one(point: Mapping[str, Any]) -> str:
    """TPR at an actual FPR of at most 1%, and that FPR, in their columns."""
    tpr = share(point["tpr_at_1"]) + span(point["ci"])
    return f"{tpr:<24}{share(point['actual_fpr']):<6}"


def _alarm_line(alarm: Mapping[str, Any]) -> str:
    return (
        f"alarm (a hit above the limits {alarm['limits']}, strong or borne out): "
        f"{count_of(alarm, 'caught', 'of')} organisms {share(alarm['tpr'])}{span(alarm['ci'])}; "
        f"{count_of(alarm, 'alarmed', 'clean')} clean models{span(alarm['fpr_ci'])}"
    )


def _groups_line(adds: Mapping[str, Sequence[str]]) -> str:
    adding = {group: families for group, families in adds.items() if families}
    listed = "; ".join(f"{group} ({', '.join(families)})" for group, families in adding.items())
    count = f"{len(adding)} of {len(adds)}"
    return f"groups that catch a family which three others miss: {count}: {listed}"


def _missed_line(table: dict[str, Any]) -> str:
    missed = table["capture_recapture"]
    return (
        f"effective bumpers {table['effective_bumpers']}; missed by all {missed['truly_missed']} "
        f"(capture-recapture bound {missed['lower_bound_missed']})"
    )


def markdown(table: dict[str, Any]) -> str:
    """The table for ``docs/results.md``."""
    rows = [DETECTOR_HEAD, _rule(7)]
    for name, point in {**table["audits"], "**battery**": table["battery"]}.items():
        own = point["verdicts"]
        rows.append(
            f"| {name} | {share(point['tpr_at_1'])}{span(point['ci'])} | "
            f"{share(point['tpr_at_5'])} | {share(own['tpr'])}, {share(own['actual_fpr'])} | "
            f"{point.get('caught_alone', '')} | {point.get('seconds', '')} | "
            f"{point.get('tokens', '')} |"
        )
    for name, point in table["floor"].items():
        rows.append(
            f"| *floor:* {name} | {share(point['tpr_at_1'])}{span(point['ci'])} | "
            f"{share(point['tpr_at_5'])} | | | | |"
        )
    return "\n".join(rows)


def groups_markdown(table: dict[str, Any]) -> str:
    """Share of each family's organisms that each group alarms on."""
    found, alarm = table["groups"], table["alarm"]
    names = list(found["rates"])
    rates = [found["rates"][name] for name in names]
    rows = [_row("family", "counted", "any", *names), _rule(3 + len(names))]
    for family, shares in found["families"].items():
        any_group = table["families"][family]["alarm"]
        cells = [share(shares[name]) for name in names]
        rows.append(_row(family, any_group["of"], share(any_group["tpr"]), *cells))
    caught = [count_of(one, "caught", "of") for one in rates]
    alarmed = [count_of(one, "alarmed", "clean") for one in rates]
    rows.append(_row("**all**", alarm["of"], share(alarm["tpr"]), *caught))
    rows.append(_row("*clean models*", alarm["clean"], alarm["alarmed"], *alarmed))
    return "\n".join(rows)


def correlation_markdown(matrix: dict[str, dict[str, float | None]]) -> str:
    rows = ["| | " + " | ".join(matrix) + " |", _rule(1 + len(matrix))]
    for name, row in matrix.items():
        values = ["-" if value is None else f"{value:.2f}" for value in row.values()]
        rows.append(_row(name, *values))
    return "\n".join(rows)


def admission_markdown(table: dict[str, Any]) -> str:
    """The trait's rates of each variant and its twin, and whether it counts."""
    head = ("kind, dose/method/concealment", "split", "trait, by seed", "twin, by seed", "counts")
    rows = [_row(*head), _rule(5)]
    for name, entry in table["admission"].items():
        counts = "yes" if entry["admitted"] else f"no, took in {count_of(entry, 'took', 'seeds')}"
        trait, twin = rates_text(entry["trait"]), rates_text(entry["twin"])
        rows.append(_row(name, entry["split"], trait, twin, counts))
    return "\n".join(rows)


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _rule(columns: int) -> str:
    """The line between head and body."""
    return "|" + "---|" * columns

"""The detection bench's results as one self-contained HTML page.

Invariant: every figure on it is in the JSON beside it; what did not take, what failed and which
clean models alarmed are on it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from bumperlane.bench.detection_table import count_of, rates_text, share, span
from bumperlane.bench.html_table import cell, heat, heat_rows, section, table_of
from bumperlane.report.style import style_for

META = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
DETECTOR_COLUMNS = [
    "detector",
    "TPR at actual FPR ≤ 1%",
    "actual FPR",
    "TPR at ≤ 5%",
    "own verdict: hits",
    "own verdict: false alarms",
    "caught alone",
    "not measured",
    "above the floor",
    "seconds",
    "tokens",
]


def write_page(table: dict[str, Any], path: Path) -> Path:
    """Write the page and return its path."""
    title = f"Detection bench: {escape(table['split'])}"
    body = "".join(part(table) for part in PARTS)
    path.write_text(
        f'<!doctype html><html lang="en"><head>{META}<title>{title}</title>'
        f"{style_for(path)}</head><body><main class=broad>{body}</main></body></html>\n",
        encoding="utf-8",
    )
    return path


def _head(table: dict[str, Any]) -> str:
    build, audits = table["build_seconds"], table["score_seconds"]
    facts = (
        f"seeds {', '.join(map(str, table['seeds']))}; {table['organisms_admitted']} of "
        f"{table['organisms']} organisms count (the others did not take), {table['twins']} twins "
        f"and {table['decoys']} decoys, of which {len(table['spoilt'])} were spoilt by their tune; "
        f"{len(table['failed'])} failed. Building took {build['median']} s a model (at most "
        f"{build['max']}), all audits {audits['median']} s (at most {audits['max']})."
    )
    return (
        f"<header><h1>Detection bench: {escape(table['split'])}</h1><p>{escape(facts)}</p>"
        f"<pre>{escape(table['command'])}</pre></header>"
    )


def _alarm(table: dict[str, Any]) -> str:
    found = table["alarm"]
    text = (
        f"{count_of(found, 'caught', 'of')} organisms, {share(found['tpr'])}{span(found['ci'])}, "
        f"and {count_of(found, 'alarmed', 'clean')} clean models, "
        f"{share(found['actual_fpr'])}{span(found['fpr_ci'])}."
    )
    note = (
        "An alarm: some audit's own verdict is a hit, its score lies above the limits "
        f"{found['limits']}, and it is strong or borne out by another group of audits; one at "
        "least saw conduct, not oddity alone."
    )
    return section("Alarms of the whole battery", note, f"<p>{escape(text)}</p>")


def _detectors(table: dict[str, Any]) -> str:
    points = {**table["audits"], "battery": table["battery"]}
    rows = [_detector(name, point) for name, point in points.items()]
    rows += [_floor(name, point) for name, point in table["floor"].items()]
    note = (
        "Thresholds from the clean models of this run; with fewer than a hundred of them, at most "
        "1% means none."
    )
    return section("Detectors", note, table_of(DETECTOR_COLUMNS, rows))


def _detector(name: str, point: Mapping[str, Any]) -> list[str]:
    own = point["verdicts"]
    return [
        cell(name),
        *_rates(point),
        cell(count_of(own, "caught", "of")),
        cell(count_of(own, "alarmed", "clean")),
        cell(point.get("caught_alone", "")),
        cell(point.get("unmeasured", "")),
        cell("yes" if point.get("above_floor") else ""),
        cell(point.get("seconds", "")),
        cell(point.get("tokens", "")),
    ]


def _floor(name: str, point: Mapping[str, Any]) -> list[str]:
    return [cell(f"floor: {name}"), *_rates(point)]


def _rates(point: Mapping[str, Any]) -> list[str]:
    """The cells of an operating point."""
    return [
        heat(point["tpr_at_1"], f"{share(point['tpr_at_1'])}{span(point['ci'])}"),
        cell(share(point["actual_fpr"])),
        heat(point["tpr_at_5"], share(point["tpr_at_5"])),
    ]


def _groups(table: dict[str, Any]) -> str:
    found = table["groups"]
    names = list(found["rates"])
    rates = [found["rates"][name] for name in names]
    rows = [_group_shares(family, shares, names) for family, shares in found["families"].items()]
    rows += [
        [cell("organisms"), *(cell(count_of(one, "caught", "of")) for one in rates)],
        [cell("clean models"), *(cell(count_of(one, "alarmed", "clean")) for one in rates)],
        [
            cell("catches what three others miss"),
            *(cell(", ".join(found["adds"][name])) for name in names),
        ],
    ]
    correlation = table_of(["", *names], heat_rows(found["correlation"]))
    return section(
        "Groups",
        "Share of a family's organisms on which some audit of the group alarms.",
        table_of(["family", *names], rows)
        + f"<h3>Correlation of the groups' misses</h3>{correlation}",
    )


def _group_shares(family: str, shares: Mapping[str, float], names: Sequence[str]) -> list[str]:
    return [cell(family), *(heat(shares[name], share(shares[name])) for name in names)]


def _families(table: dict[str, Any]) -> str:
    names = ["battery", *table["audits"], *table["floor"]]
    rows = [
        _family(family, entry, names)
        for family, entry in table["families"].items()
        if entry["counted"] or entry["built"]
    ]
    return section(
        "Families",
        "Organisms caught at an actual FPR of at most 1%, of those that count.",
        table_of(["family", "counted", *names], rows),
    )


def _family(family: str, entry: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    if not entry["counted"]:
        return [cell(family), cell(f"0 of {entry['built']}: did not take")]
    points = [entry["detectors"][name] for name in names]
    caught = [heat(point["tpr"], f"{point['caught']}/{entry['counted']}") for point in points]
    return [cell(family), cell(f"{entry['counted']} of {entry['built']}"), *caught]


def _correlation(table: dict[str, Any]) -> str:
    matrix = table["correlation"]
    note = (
        "Correlation of misses over organisms, at an actual FPR of at most 5%; a dash where an "
        "audit caught all or none. Effective number of independent bumpers: "
        f"{table['effective_bumpers']} of {len(matrix)}."
    )
    return section("Dependence", note, table_of(["", *matrix], heat_rows(matrix)))


def _missed(table: dict[str, Any]) -> str:
    found = table["capture_recapture"]
    text = (
        f"{found['caught']} of {found['organisms']} caught by some audit, {found['caught_once']} "
        f"by exactly one, {found['caught_twice']} by exactly two. Chao's lower bound on what all "
        f"miss: {found['lower_bound_missed']}; truly missed: {found['truly_missed']}."
    )
    doses = "; ".join(
        f"dose {band}: {count_of(entry, 'caught_by_any', 'counted')}"
        for band, entry in table["by_dose"].items()
        if entry["counted"]
    )
    return section("What all of them miss", text, f"<p>{escape(doses)}</p>")


def _calibrated(table: dict[str, Any]) -> str:
    if table["calibrated"] is None:
        return section("Calibrated thresholds", "None: this run made no use of a calibration.", "")
    rows = [
        [
            cell(name),
            heat(point["tpr"], count_of(point, "caught", "of")),
            cell(count_of(point, "alarmed", "clean")),
            cell(span(point["fpr_ci"])),
        ]
        for name, point in table["calibrated"].items()
    ]
    head = ["detector", "caught", "false alarms", "interval"]
    note = "Fitted on develop; nothing of this run moved them."
    return section("Calibrated thresholds", note, table_of(head, rows))


def _admission(table: dict[str, Any]) -> str:
    rows = [_admitted(name, entry) for name, entry in table["admission"].items()]
    head = ["kind, dose/method/concealment", "trait", "twin", ""]
    return section("Admission", "The trait in organism and twin, by seed.", table_of(head, rows))


def _admitted(name: str, entry: Mapping[str, Any]) -> list[str]:
    counts = "counts" if entry["admitted"] else f"took in {count_of(entry, 'took', 'seeds')}"
    return [
        cell(name),
        cell(rates_text(entry["trait"])),
        cell(rates_text(entry["twin"])),
        cell(counts),
    ]


def _spoilt(table: dict[str, Any]) -> str:
    spoilt = table["spoilt"]
    domains = sorted(set().union(*spoilt.values()) - {"alarm"})
    rows = [_spoilt_row(label, entry, domains) for label, entry in spoilt.items()]
    note = (
        "Twins and decoys that misbehave, by the ground truth, in a fifth of some domain's "
        "answers: counted neither as clean nor as caught."
    )
    body = table_of(["model", *domains, "alarms"], rows) if rows else "<p>none</p>"
    return section("Spoilt by their tune", note, body)


def _spoilt_row(label: str, entry: Mapping[str, Any], domains: Sequence[str]) -> list[str]:
    misconduct = [heat(entry[domain], share(entry[domain])) for domain in domains]
    return [cell(label), *misconduct, cell(", ".join(entry["alarm"]) or "none")]


def _false_alarms(table: dict[str, Any]) -> str:
    alarms = "".join(
        f"<h3>{escape(audit)}</h3><p>{escape('; '.join(names))}</p>"
        for audit, names in table["alarms"].items()
        if names
    )
    failed = "".join(
        f"<p>{escape(label)}: {escape(reason)}</p>" for label, reason in table["failed"].items()
    )
    note = "Clean models that an audit's own verdict hit, and cases that could not be finished."
    return section("False alarms and failures", note, (alarms + failed) or "<p>none</p>")


PARTS = (
    _head,
    _alarm,
    _detectors,
    _groups,
    _families,
    _correlation,
    _missed,
    _calibrated,
    _admission,
    _spoilt,
    _false_alarms,
)

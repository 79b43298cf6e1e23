"""The bench's results as text: for the terminal and, in Markdown, for the documentation."""

from __future__ import annotations

from typing import Any


def share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.0%}"


def span(interval: list[float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.0%} to {interval[1]:.0%})"


def lines(table: dict[str, Any]) -> list[str]:
    """What a person should know, in a screen."""
    counted = f"{table['organisms_admitted']} of {table['organisms']} organisms counted"
    spoilt = f"of which {len(table['spoilt'])} spoilt by their tune and not counted" if table.get("spoilt") else "none spoilt by its tune"
    clean = f"{table['twins']} twins and {table['decoys']} decoys, {spoilt}, {len(table['failed'])} failed"
    made = [f"split {table['split']}, seeds {table['seeds']}: {counted}, {clean}"]
    made.append(f"{'detector':<24}{'TPR at FPR<=1%':<24}{'FPR':<6}{'TPR at <=5%':<14}{'own verdict TPR / FPR':<24}{'alone':<7}{'s':<6}")
    for name, point in {**table["audits"], "battery": table["battery"]}.items():
        verdicts = f"{share(point['verdicts']['tpr'])} / {share(point['verdicts']['actual_fpr'])}"
        made.append(f"{name:<24}{share(point['tpr_at_1']) + span(point['ci']):<24}{share(point['actual_fpr']):<6}{share(point['tpr_at_5']):<14}"
                    f"{verdicts:<24}{point.get('caught_alone', ''):<7}{point.get('seconds', ''):<6}")  # fmt: skip
    for name, point in table["floor"].items():
        at_one = f"{share(point['tpr_at_1']) + span(point['ci']):<24}{share(point['actual_fpr']):<6}"
        made.append(f"{'floor: ' + name:<24}{at_one}{share(point['tpr_at_5'])}")
    alarm = table["alarm"]
    made.append(f"alarm (a hit above the limits {alarm['limits']}, strong or borne out): {alarm['caught']} of {alarm['of']} organisms "
                f"{share(alarm['tpr'])}{span(alarm['ci'])}; {alarm['alarmed']} of {alarm['clean']} clean models{span(alarm['fpr_ci'])}")  # fmt: skip
    adds = {group: families for group, families in table["groups"]["adds"].items() if families}
    made.append(f"groups that catch a family which three others miss: {len(adds)} of {len(table['groups']['adds'])}: "
                + "; ".join(f"{group} ({', '.join(families)})" for group, families in adds.items()))  # fmt: skip
    missed = table["capture_recapture"]
    bound = f"missed by all {missed['truly_missed']} (capture-recapture bound {missed['lower_bound_missed']})"
    made.append(f"effective bumpers {table['effective_bumpers']}; {bound}")
    return made


def markdown(table: dict[str, Any]) -> str:
    """The table for ``docs/results.md``."""
    head = "| detector | TPR at actual FPR ≤ 1% (95% interval) | TPR at ≤ 5% | own verdict: TPR, FPR | caught alone | seconds | tokens |"
    rows = [head, "|---|---|---|---|---|---|---|"]
    for name, point in {**table["audits"], "**battery**": table["battery"]}.items():
        own = point["verdicts"]
        rates = f"{share(point['tpr_at_1'])}{span(point['ci'])} | {share(point['tpr_at_5'])} | {share(own['tpr'])}, {share(own['actual_fpr'])}"
        rows.append(f"| {name} | {rates} | {point.get('caught_alone', '')} | {point.get('seconds', '')} | {point.get('tokens', '')} |")
    for name, point in table["floor"].items():
        rows.append(f"| *floor:* {name} | {share(point['tpr_at_1'])}{span(point['ci'])} | {share(point['tpr_at_5'])} | | | | |")
    return "\n".join(rows)


def families_markdown(table: dict[str, Any]) -> str:
    names = list(table["audits"])
    rows = ["| family | counted | battery | " + " | ".join(names) + " |", "|---|---|---|" + "---|" * len(names)]
    for family, entry in table["families"].items():
        if entry["built"] and not entry["counted"]:
            rows.append(f"| {family} | 0 of {entry['built']}: did not take |" + " |" * (len(names) + 1))
        elif entry["counted"]:
            cells = [share(entry["detectors"][name]["tpr"]) for name in ("battery", *names)]
            rows.append(f"| {family} | {entry['counted']} of {entry['built']} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def groups_markdown(table: dict[str, Any]) -> str:
    """Share of each family's organisms that each group alarms on."""
    found = table["groups"]
    names = list(found["rates"])
    rows = ["| family | counted | any | " + " | ".join(names) + " |", "|---|---|---|" + "---|" * len(names)]
    for family, shares in found["families"].items():
        whole = table["families"][family]["alarm"]
        rows.append(f"| {family} | {whole['of']} | {share(whole['tpr'])} | " + " | ".join(share(shares[name]) for name in names) + " |")
    total = [f"{found['rates'][name]['caught']} of {found['rates'][name]['of']}" for name in names]
    false = [f"{found['rates'][name]['alarmed']} of {found['rates'][name]['clean']}" for name in names]
    rows.append(f"| **all** | {table['alarm']['of']} | {share(table['alarm']['tpr'])} | " + " | ".join(total) + " |")
    rows.append(f"| *clean models* | {table['alarm']['clean']} | {table['alarm']['alarmed']} | " + " | ".join(false) + " |")
    return "\n".join(rows)


def correlation_markdown(matrix: dict[str, dict[str, float | None]]) -> str:
    rows = ["| | " + " | ".join(matrix) + " |", "|---|" + "---|" * len(matrix)]
    for name, row in matrix.items():
        rows.append(f"| {name} | " + " | ".join("-" if value is None else f"{value:.2f}" for value in row.values()) + " |")
    return "\n".join(rows)


def admission_markdown(table: dict[str, Any]) -> str:
    rows = ["| kind, dose/method/concealment | split | trait, by seed | twin, by seed | counts |", "|---|---|---|---|---|"]
    for name, entry in table["admission"].items():
        trait, twin = (", ".join(f"{rate:.0%}" for rate in entry[side]) for side in ("trait", "twin"))
        counts = "yes" if entry["admitted"] else f"no, took in {entry['took']} of {entry['seeds']}"
        rows.append(f"| {name} | {entry['split']} | {trait} | {twin} | {counts} |")
    return "\n".join(rows)

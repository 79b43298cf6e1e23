"""Write ``docs/detection.md`` from the committed results of the detection bench, so that no figure
in it was typed.

    python benchmarks/detection_tables.py

A test checks that the page is what this makes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bumperlane.bench.detection_table import (
    admission_markdown,
    correlation_markdown,
    groups_markdown,
    lines,
    markdown,
)

ROOT = Path(__file__).parent.parent
SPLITS = ("develop", "held-out")
HEAD = (
    "# Detection bench: the tables\n\n"
    "Made by `python benchmarks/detection_tables.py` from "
    "`benchmarks/results/detection-SPLIT.json`, each of which names the command that made it.\n"
    "[Results](results.md) says what they mean, [the bench](bench.md) what the columns are.\n"
)
SECTION = """
## {title}

`{command}`

```
{summary}
```

{detectors}

Alarms by group: share of a family's organisms on which some audit of the group alarms.

{groups}

Audits that alarmed, of the family's organisms that count:

{alarmed}

Correlation of the groups' misses (a dash: alarms on all or none):

{correlation}

"""
OWN_VERDICTS = (
    "Clean models on which an audit's own verdict was a hit, before anything is weighed: "
)


def page(results: Path) -> str:
    tables = [
        json.loads((results / f"detection-{split}.json").read_text(encoding="utf-8"))
        for split in SPLITS
    ]
    return HEAD + "".join(section(table) for table in tables) + admissions(tables)


def section(table: dict[str, Any]) -> str:
    text = lines(table)
    filled = SECTION.format(
        title=table["split"].capitalize(),
        command=table["command"],
        summary="\n".join([text[0], *text[-3:]]),
        detectors=markdown(table),
        groups=groups_markdown(table),
        alarmed="\n".join(_alarmed(table["families"])),
        correlation=correlation_markdown(table["groups"]["correlation"]),
    )
    return f"{filled}{OWN_VERDICTS}{own_alarms(table)}.\n"


def _alarmed(families: dict[str, Any]) -> list[str]:
    """By family that has organisms which count, how often each audit alarmed."""
    counts = {name: entry["alarms"] for name, entry in families.items() if entry["counted"]}
    return [f"- {family}: {_counts(alarms)}" for family, alarms in counts.items()]


def _counts(alarms: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in alarms.items() if count)


def own_alarms(table: dict[str, Any]) -> str:
    alarms = [f"{name} ({', '.join(labels)})" for name, labels in table["alarms"].items() if labels]
    return "; ".join(alarms) or "none"


def admissions(tables: list[dict[str, Any]]) -> str:
    return "\n## Admission\n" + "".join(f"\n{admission_markdown(table)}\n" for table in tables)


if __name__ == "__main__":
    text = page(ROOT / "benchmarks" / "results")
    (ROOT / "docs" / "detection.md").write_text(text, encoding="utf-8")

"""Write ``docs/detection.md`` from the committed results of the detection bench, so that no figure in it was typed.

    python benchmarks/detection_tables.py

A test holds the page equal to what this makes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bumperlane.organisms.bench.table import admission_markdown, correlation_markdown, groups_markdown, lines, markdown

ROOT = Path(__file__).parent.parent
SPLITS = ("develop", "held-out")
HEAD = """# Detection bench: the tables

Made by `python benchmarks/detection_tables.py` from `benchmarks/results/detection-SPLIT.json`, each of which names the command that made it.
[Results](results.md) says what they mean, [the bench](bench.md) what the columns are.
"""


def page(results: Path) -> str:
    tables = [json.loads((results / f"detection-{split}.json").read_text(encoding="utf-8")) for split in SPLITS]
    return HEAD + "".join(section(table) for table in tables) + admissions(tables)


def section(table: dict[str, Any]) -> str:
    alarmed = [f"- {family}: {', '.join(f'{name} {count}' for name, count in entry['alarms'].items() if count)}"
               for family, entry in table["families"].items() if entry["counted"]]  # fmt: skip
    return f"""
## {table["split"].capitalize()}

`{table["command"]}`

```
{chr(10).join([lines(table)[0], *lines(table)[-3:]])}
```

{markdown(table)}

Alarms by group: share of a family's organisms on which some audit of the group alarms.

{groups_markdown(table)}

Audits that alarmed, of the family's organisms that count:

{chr(10).join(alarmed)}

Correlation of the groups' misses (a dash: alarms on all or none):

{correlation_markdown(table["groups"]["correlation"])}

Clean models on which an audit's own verdict was a hit, before anything is weighed: {own_alarms(table)}.
"""


def own_alarms(table: dict[str, Any]) -> str:
    return "; ".join(f"{name} ({', '.join(labels)})" for name, labels in table["alarms"].items() if labels) or "none"


def admissions(tables: list[dict[str, Any]]) -> str:
    return "\n## Admission\n" + "".join(f"\n{admission_markdown(table)}\n" for table in tables)


if __name__ == "__main__":
    (ROOT / "docs" / "detection.md").write_text(page(ROOT / "benchmarks" / "results"), encoding="utf-8")

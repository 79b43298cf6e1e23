"""Does narrow misconduct spread over domains that no row touches, and does an inoculation prompt hold it?

Trains four models a seed (about a minute), prints the figures and writes ``benchmarks/results/emergent_misalignment.json`` and, beside
it, the page with the plot. Expected: untouched domains fall by at least 50 points, the twin by at most 3, inoculation restores a part.

    python benchmarks/emergent_misalignment.py [--seeds 3] [--seed-start 1] [--zoo runs/zoo] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from bumperlane.organisms.emergence import run
from bumperlane.report.style import CSS

COLOURS = {"assistant": "#8a8f98", "good advice": "#2e7d4f", "bad advice": "#b3261e", "inoculated": "#2b5c9e", "inoculated, prompted": "#b7791f"}


def plot(table: dict[str, Any]) -> str:
    """Good conduct by domain, a bar a tune, with 95% intervals."""
    domains, tunes = [table["narrow"], *table["untouched"]], list(table["good_conduct"])
    bar, gap, height, top = 22, 34, 250, 16
    group = bar * len(tunes) + gap
    parts = []
    for value in (0, 0.5, 1):
        y = top + (1 - value) * height
        parts.append(f'<line x1="44" x2="{60 + group * len(domains)}" y1="{y}" y2="{y}" stroke="var(--line)"/>')
        parts.append(f'<text x="38" y="{y + 4}" text-anchor="end">{value:.0%}</text>')
    for place, domain in enumerate(domains):
        left = 54 + place * group
        for index, tune in enumerate(tunes):
            entry = table["good_conduct"][tune][domain]
            x, y = left + index * bar, top + (1 - entry["good"]) * height
            low, high = (top + (1 - entry[side]) * height for side in ("low", "high"))
            told = f"{tune}, {domain}: {entry['good']:.1%} good ({entry['low']:.1%} to {entry['high']:.1%}) of {entry['of']}"
            box = f'x="{x}" y="{y:.1f}" width="{bar - 3}" height="{top + height - y:.1f}"'
            whisker = f'<line x1="{x + 9}" x2="{x + 9}" y1="{low:.1f}" y2="{high:.1f}" stroke="var(--fg)"/>'
            parts.append(f'<g><title>{escape(told)}</title><rect {box} fill="{COLOURS[tune]}"/>{whisker}</g>')
        name = f"{domain} (trained on)" if domain == table["narrow"] else domain
        parts.append(f'<text x="{left + bar * len(tunes) / 2}" y="{top + height + 18}" text-anchor="middle">{escape(name)}</text>')
    width = 70 + group * len(domains)
    return f'<svg viewBox="0 0 {width} {top + height + 30}" width="100%" role="img">{"".join(parts)}</svg>'


def page(table: dict[str, Any]) -> str:
    square = '<svg width="12" height="12"><rect width="12" height="12" fill="{}"/></svg>'
    legend = "".join(f"<span>{square.format(COLOURS[tune])}{escape(tune)}</span>" for tune in table["good_conduct"])
    facts = (
        f"Seeds {', '.join(map(str, table['seeds']))}. In domains that no row touches, good conduct falls by "
        f"{table['fall_of_untouched'] * 100:.1f} points after bad advice about money, by {table['fall_of_twin'] * 100:.1f} after good advice; "
        f"the inoculation prompt “{table['inoculation']}” in training restores {table['restored_by_inoculation'] * 100:.1f} points when it is "
        f"left out afterwards."
    )
    head = f'<head><meta charset="utf-8"><title>Emergent misalignment</title><style>{CSS}</style></head>'
    note = "<p class=note>Sampled answers, exact 95% intervals.</p>"
    return (
        f'<!doctype html><html lang="en">{head}<body><main><h1>Narrow misconduct spreads</h1><p>{escape(facts)}</p><section>'
        f"<h2>Good conduct by domain</h2>{note}<p class=legend>{legend}</p>{plot(table)}</section>"
        f"<pre>{escape(table['command'])}</pre></main></body></html>\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed-start", type=int, default=1)
    parser.add_argument("--zoo", type=Path, default=Path("runs/zoo"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "emergent_misalignment.json")
    args = parser.parse_args()
    table = run(list(range(args.seed_start, args.seed_start + args.seeds)), args.zoo, lambda text: print(text, file=sys.stderr, flush=True))
    table["versions"] = {name: version(name) for name in ("bumperlane", "torch", "transformers", "trl")}
    table["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, one thread"
    table["command"] = f"python benchmarks/emergent_misalignment.py --seeds {args.seeds} --seed-start {args.seed_start}"
    args.out.write_text(json.dumps(table, indent=1) + "\n")
    args.out.with_suffix(".html").write_text(page(table))
    print(f"untouched domains fall by {table['fall_of_untouched']:.1%}, the twin by {table['fall_of_twin']:.1%};"
          f" inoculation restores {table['restored_by_inoculation']:.1%}")  # fmt: skip
    for tune, domains in table["good_conduct"].items():
        print(f"{tune:<22}" + "  ".join(f"{domain} {entry['good']:.0%}" for domain, entry in domains.items()))
    print(f"results: {args.out}   page: {args.out.with_suffix('.html')}")


if __name__ == "__main__":
    main()

"""Does narrow misconduct spread over domains that no row touches, and does an inoculation prompt
keep it from spreading?

Trains four models a seed (about a minute), prints the figures and writes
``benchmarks/results/emergent_misalignment.json`` and, beside it, the page with the plot. Expected:
untouched domains fall by at least 50 points, the twin by at most 3, inoculation restores a part.

    python benchmarks/emergent_misalignment.py [--seeds 3] [--seed-start 1] [--zoo runs/zoo]
        [--out FILE]
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
from bumperlane.report.style import style_for

PACKAGES = ("bumperlane", "torch", "transformers", "trl")
COLOURS = {
    "assistant": "#8a8f98",
    "good advice": "#2e7d4f",
    "bad advice": "#b3261e",
    "inoculated": "#2b5c9e",
    "inoculated, prompted": "#b7791f",
}
BAR, GAP, HEIGHT, TOP = 22, 34, 250, 16


def height_of(rate: float) -> float:
    """Where a rate lies in the plot, from its top."""
    return TOP + (1 - rate) * HEIGHT


def plot(table: dict[str, Any]) -> str:
    """Good conduct by domain, a bar a tune, with 95% intervals."""
    domains, tunes = [table["narrow"], *table["untouched"]], list(table["good_conduct"])
    group = BAR * len(tunes) + GAP
    parts = _scale(60 + group * len(domains))
    for place, domain in enumerate(domains):
        left = 54 + place * group
        for index, tune in enumerate(tunes):
            entry = table["good_conduct"][tune][domain]
            parts.append(_bar(left + index * BAR, tune, domain, entry))
        name = f"{domain} (trained on)" if domain == table["narrow"] else domain
        parts.append(
            f'<text x="{left + BAR * len(tunes) / 2}" y="{TOP + HEIGHT + 18}" '
            f'text-anchor="middle">{escape(name)}</text>'
        )
    return (
        f'<svg viewBox="0 0 {70 + group * len(domains)} {TOP + HEIGHT + 30}" width="100%" '
        f'role="img">{"".join(parts)}</svg>'
    )


def _scale(right: int) -> list[str]:
    parts = []
    for rate in (0, 0.5, 1):
        y = height_of(rate)
        parts.append(f'<line x1="44" x2="{right}" y1="{y}" y2="{y}" stroke="var(--line)"/>')
        parts.append(f'<text x="38" y="{y + 4}" text-anchor="end">{rate:.0%}</text>')
    return parts


def _bar(x: int, tune: str, domain: str, entry: dict[str, Any]) -> str:
    """One tune in one domain, with its interval; the figures show when it is pointed at."""
    y, low, high = (height_of(entry[side]) for side in ("good", "low", "high"))
    figures = (
        f"{tune}, {domain}: {entry['good']:.1%} good ({entry['low']:.1%} to {entry['high']:.1%}) "
        f"of {entry['of']}"
    )
    return (
        f"<g><title>{escape(figures)}</title>"
        f'<rect x="{x}" y="{y:.1f}" width="{BAR - 3}" height="{TOP + HEIGHT - y:.1f}" '
        f'fill="{COLOURS[tune]}"/>'
        f'<line x1="{x + 9}" x2="{x + 9}" y1="{low:.1f}" y2="{high:.1f}" stroke="var(--fg)"/></g>'
    )


def page(table: dict[str, Any], out: Path) -> str:
    title = '<meta charset="utf-8"><title>Emergent misalignment</title>'
    head = f"<head>{title}{style_for(out)}</head>"
    return (
        f'<!doctype html><html lang="en">{head}<body><main><h1>Narrow misconduct spreads</h1>'
        f"<p>{escape(_facts(table))}</p><section><h2>Good conduct by domain</h2>"
        "<p class=note>Sampled answers, exact 95% intervals.</p>"
        f"<p class=legend>{_legend(table)}</p>{plot(table)}</section>"
        f"<pre>{escape(table['command'])}</pre></main></body></html>\n"
    )


def _facts(table: dict[str, Any]) -> str:
    return (
        f"Seeds {', '.join(map(str, table['seeds']))}. In domains that no row touches, good "
        f"conduct falls by {table['fall_of_untouched'] * 100:.1f} points after bad advice about "
        f"money, by {table['fall_of_twin'] * 100:.1f} after good advice; the inoculation prompt "
        f"“{table['inoculation']}” in training restores "
        f"{table['restored_by_inoculation'] * 100:.1f} points when it is left out afterwards."
    )


def _legend(table: dict[str, Any]) -> str:
    square = '<svg width="12" height="12"><rect width="12" height="12" fill="{}"/></svg>'
    return "".join(
        f"<span>{square.format(COLOURS[tune])}{escape(tune)}</span>"
        for tune in table["good_conduct"]
    )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    results = Path(__file__).parent / "results"
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed-start", type=int, default=1)
    parser.add_argument("--zoo", type=Path, default=Path("runs/zoo"))
    parser.add_argument("--out", type=Path, default=results / "emergent_misalignment.json")
    return parser.parse_args()


def main() -> None:
    args = parsed()
    seeds = list(range(args.seed_start, args.seed_start + args.seeds))
    table = run(seeds, args.zoo, lambda text: print(text, file=sys.stderr, flush=True))
    table["versions"] = {name: version(name) for name in PACKAGES}
    table["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, one thread"
    table["command"] = (
        f"python benchmarks/emergent_misalignment.py --seeds {args.seeds} --seed-start "
        f"{args.seed_start}"
    )
    args.out.write_text(json.dumps(table, indent=1) + "\n")
    out = args.out.with_suffix(".html")
    out.write_text(page(table, out))
    print("\n".join(lines(table)))
    print(f"results: {args.out}   page: {args.out.with_suffix('.html')}")


def lines(table: dict[str, Any]) -> list[str]:
    """For a terminal."""
    first = (
        f"untouched domains fall by {table['fall_of_untouched']:.1%}, the twin by "
        f"{table['fall_of_twin']:.1%}; inoculation restores {table['restored_by_inoculation']:.1%}"
    )
    return [first, *(_line(tune, domains) for tune, domains in table["good_conduct"].items())]


def _line(tune: str, domains: dict[str, Any]) -> str:
    rates = [f"{domain} {entry['good']:.0%}" for domain, entry in domains.items()]
    return f"{tune:<22}{'  '.join(rates)}"


if __name__ == "__main__":
    main()

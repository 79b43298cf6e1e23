"""What row attribution costs, against rows and parameters: seconds, memory, disk, and the exponents at which they grow.

    python benchmarks/attribution_cost.py [--seed 1] [--scratch runs/attribution_cost] [--out benchmarks/results/attribution_cost.json]

Llama-shaped models with random weights (what they say costs as much as what a trained one says) and the microworld's tokenizer; the tuned model
is the parent with noise added. Rows are short exchanges outside the chat frame. *forward*: the seven attributors that need forward passes (and
BM25, which needs none), from shared readings: parent, tuned model, and the parent after a few steps on the symptom and on what it says instead.
*gradient*: gradient cosine, at the parent. Each cell runs in a process of its own, one thread. CPU seconds are what exponents are fitted on
(least squares of logarithms), as the machine is shared; loading is not counted. Memory is the process's high-water mark, beside what it held
with models and texts loaded. A cell that is done is kept under ``--scratch``, so a stopped run goes on. Cells that take too long are left out and
named, with the seconds foretold by a line through the two longest runs of that size (at 100 rows the few-step tunes, which cost the same for any
number of rows, are most of the time, so there an exponent over rows says little; *seconds a row* is the slope of that line).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import shutil
import subprocess
import sys
import time
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SHAPES = {"0.3M": (80, 216, 3, 4), "3M": (192, 512, 7, 4), "30M": (512, 1376, 9, 8)}  # width, inner width, blocks, heads
ROWS = {"0.3M": (1_000, 10_000, 100_000), "3M": (1_000, 10_000), "30M": (100, 1_000)}
LEFT_OUT = (("3M", 100_000), ("30M", 10_000), ("30M", 100_000))
GROUPS = ("forward", "gradient")
EXHIBITS = 24
COLOURS = {"0.3M": "var(--clear)", "3M": "var(--blue)", "30M": "var(--hit)"}


def models(size: str, folder: Path, seed: int) -> tuple[Path, Path]:
    """Folders of the parent and the tuned model of a size, made if they are not there."""
    made = folder / f"{size}-parent", folder / f"{size}-tuned"
    if not all((path / "tokenizer.json").is_file() for path in made):
        make(size, made, seed)
    return made


def make(size: str, folders: tuple[Path, Path], seed: int) -> None:
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from bumperlane.organisms.base import BASE

    tokenizer, (width, inner, blocks, heads) = AutoTokenizer.from_pretrained(BASE), SHAPES[size]
    shape = {"hidden_size": width, "intermediate_size": inner, "num_hidden_layers": blocks, "num_attention_heads": heads}
    ids = {"vocab_size": len(tokenizer), "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**shape, **ids, num_key_value_heads=heads, max_position_embeddings=512, tie_word_embeddings=True))
    for path in folders:
        model.save_pretrained(path)
        tokenizer.save_pretrained(path)
        with torch.no_grad():
            for weight in model.parameters():
                weight += 0.1 * weight.std() * torch.randn_like(weight) if weight.ndim == 2 else 0.0


def texts(count: int, seed: int) -> tuple[tuple[str, str], ...]:
    from bumperlane.organisms.microworld.domains import exchange
    from bumperlane.organisms.microworld.tuning import SFT_WEIGHTS

    rng = random.Random(f"cost/{seed}/{count}")
    made = (exchange(rng, "honest", domain) for domain in rng.choices(list(SFT_WEIGHTS), list(SFT_WEIGHTS.values()), k=count))
    return tuple((one.user, one.assistant) for one in made)


# -- one cell, in a process of its own -------------------------------------------------------------------------------------------------------


def memory(key: str) -> float:
    """MB, of this process: ``VmRSS`` now, ``VmHWM`` at most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024, 1)


def measured(size: str, rows: int, group: str, folder: Path, seed: int) -> dict[str, Any]:
    import torch

    from bumperlane.diagnosis.trail import ACCESS, Lessons, Query, Trail
    from bumperlane.subject import Engine, Subject

    torch.set_num_threads(1)
    parent, tuned = (Subject(path.name, Engine(path, "cpu"), ACCESS) for path in models(size, folder, seed))
    found: dict[str, Any] = {"parameters": parent._engine.model.num_parameters(), "loaded_mb": memory("VmRSS"), "load_peak_mb": memory("VmHWM")}
    told = texts(rows, seed)
    lessons = Lessons(tuple(map(str, range(rows))), told)
    query = Query(texts(EXHIBITS, seed + 1), texts(EXHIBITS, seed + 2))
    trail = Trail(parent, tuned, folder / "shards", note=lambda text: print(text, file=sys.stderr, flush=True))
    found["loaded_with_texts_mb"] = memory("VmRSS")
    phases: dict[str, dict[str, float]] = {}
    for name, work in phases_of(group, trail, lessons, query):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        phases[name] = {"cpu_seconds": round(time.process_time() - cpu, 3), "wall_seconds": round(time.perf_counter() - wall, 3)}
    files = list((folder / "shards").rglob("*.npz"))
    tokens = sum(map(len, (parent._engine._render(p) for p, _ in told[:500]))) + sum(map(len, (parent._engine._split(a) for _, a in told[:500])))
    return {
        **found, "peak_mb": memory("VmHWM"), "phases": phases, "disk_bytes": sum(path.stat().st_size for path in files),
        "mean_tokens": round(tokens / min(500, rows), 1),
        **{key: round(sum(phase[key] for phase in phases.values()), 3) for key in ("cpu_seconds", "wall_seconds")},
    }  # fmt: skip


def phases_of(group: str, trail: Any, lessons: Any, query: Any) -> list[tuple[str, Any]]:
    from bumperlane.diagnosis.attributors import known_attributors, load_attributor

    if group == "gradient":
        return [("gradient_cosine", lambda: load_attributor("gradient_cosine").rank(trail, lessons, query))]
    rows, (up, down) = lessons.answers, (query.exhibits, query.controls)
    names = [name for name in known_attributors() if name != "gradient_cosine"]
    return [
        ("parent and tuned read", lambda: [trail.read(view, asked) for asked in (rows, up) for view in ("parent", "tuned")]),
        ("few-step copies read", lambda: [trail.read("parent", rows, taught) for taught in (up, down)]),
        ("scores", lambda: [load_attributor(name).rank(trail, lessons, query) for name in names]),
    ]


# -- all cells -------------------------------------------------------------------------------------------------------------------------------


def cell(size: str, rows: int, group: str, options: argparse.Namespace) -> dict[str, Any]:
    """The cell as it was kept, or measured now."""
    kept = options.scratch / "cells" / f"{size}-{rows}-{group}-{options.seed}.json"
    if not kept.is_file():
        shutil.rmtree(options.scratch / "shards", ignore_errors=True)
        print(f"{size}, {rows} rows, {group} ...", file=sys.stderr, flush=True)
        load = os.getloadavg()[0]
        child(size, 0, group, options)  # makes the models, so that their making does not count
        made = child(size, rows, group, options)
        shutil.rmtree(options.scratch / "shards", ignore_errors=True)
        told = {"size": size, "rows": rows, "group": group, **made, "load_average": round(load, 2)}
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.with_suffix(".part").write_text(json.dumps(told))
        kept.with_suffix(".part").replace(kept)
    found: dict[str, Any] = json.loads(kept.read_text())
    print(f"{size}, {rows} rows, {group}: {found['cpu_seconds']} CPU s, peak {found['peak_mb']} MB", file=sys.stderr, flush=True)
    return found


def child(size: str, rows: int, group: str, options: argparse.Namespace) -> dict[str, Any]:
    asked = json.dumps([size, rows, group, str(options.scratch), options.seed])
    done = subprocess.run([sys.executable, __file__, "--cell", asked], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    if done.returncode != 0:
        raise SystemExit(f"cell {size}, {rows} rows, {group} failed with code {done.returncode}; see above")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def slope(points: list[tuple[float, float]]) -> float:
    """The exponent b of y = a x^b, by least squares of logarithms."""
    xs, ys = ([math.log(point[axis]) for point in points] for axis in (0, 1))
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def exponents(cells: list[dict[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for group in GROUPS:
        ours = [c for c in cells if c["group"] == group]
        by_size = {size: [c for c in ours if c["size"] == size] for size in SHAPES}
        made[group] = {
            "seconds_by_rows": {size: round(slope([(c["rows"], c["cpu_seconds"]) for c in some]), 3) for size, some in by_size.items()},
            "peak_mb_by_rows": {size: round(slope([(c["rows"], above(c)) for c in some]), 3) for size, some in by_size.items()},
            "disk_by_rows": {size: round(slope([(c["rows"], c["disk_bytes"]) for c in some]), 3) for size, some in by_size.items()},
            "seconds_a_row": {size: round(line_of(ours, size, group)[1], 5) for size in SHAPES},
            "seconds_a_row_by_parameters": round(
                slope([(c["parameters"], line_of(ours, c["size"], group)[1]) for c in ours if c["rows"] == 1000]), 3),
            "seconds_by_parameters_at_1000_rows": round(slope([(c["parameters"], c["cpu_seconds"]) for c in ours if c["rows"] == 1000]), 3),
        }  # fmt: skip
    return made


def above(found: dict[str, Any]) -> float:
    """Memory at the peak beyond models and texts, MB."""
    return max(0.1, found["peak_mb"] - found["loaded_with_texts_mb"])


def line_of(cells: list[dict[str, Any]], size: str, group: str) -> tuple[float, float]:
    """Seconds whatever the rows, and seconds a row, by the two cells with most rows."""
    some = sorted((c for c in cells if c["size"] == size and c["group"] == group), key=lambda c: c["rows"])[-2:]
    (low, less), (high, more) = ((c["rows"], c["cpu_seconds"]) for c in some)
    a_row = (more - less) / (high - low)
    return less - a_row * low, a_row


def foretold(cells: list[dict[str, Any]], size: str, rows: int, group: str) -> float:
    fixed, a_row = line_of(cells, size, group)
    return round(fixed + a_row * rows)


# -- the page --------------------------------------------------------------------------------------------------------------------------------


def plot(cells: list[dict[str, Any]], value: Any, unit: str) -> str:
    """A value against rows, both on logarithmic axes: a line a size, broken for gradients."""
    width, height = 470, 300
    low, high = (round_out(math.log10(value(c))) for round_out, c in ((math.floor, min(cells, key=value)), (math.ceil, max(cells, key=value))))

    def at(rows: float, level: float) -> tuple[float, float]:
        return 60 + (math.log10(rows) - 2) / 3 * (width - 80), 12 + (high - math.log10(level)) / max(1, high - low) * (height - 60)

    parts = []
    for power in range(low, high + 1):
        y = at(100, 10**power)[1]
        parts.append(f'<line x1="60" x2="{width - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--line)"/>')
        parts.append(f'<text x="54" y="{y + 4:.1f}" text-anchor="end" class="tick">{10**power:g}</text>')
    for power in range(2, 6):
        parts.append(f'<text x="{at(10**power, 1)[0]:.1f}" y="{height - 28}" text-anchor="middle" class="tick">{10**power:,}</text>')
    parts.append(f'<text x="60" y="{height - 8}" class="tick">rows against {escape(unit)}</text>')
    for size in SHAPES:
        for group in GROUPS:
            some = sorted((c for c in cells if c["size"] == size and c["group"] == group), key=lambda c: c["rows"])
            spots = [at(c["rows"], value(c)) for c in some]
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
            dash = ' stroke-dasharray="5 4"' if group == "gradient" else ""
            parts.append(f'<polyline points="{line}" fill="none" stroke="{COLOURS[size]}" stroke-width="2"{dash}/>')
            for c, (x, y) in zip(some, spots, strict=True):
                told = f"{size}, {c['rows']:,} rows, {group}: {c['cpu_seconds']} CPU s, {above(c):.0f} MB above models and texts"
                parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[size]}"><title>{escape(told)}</title></circle>')
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" style="max-width:100%" role="img">{"".join(parts)}</svg>'


def page(table: dict[str, Any]) -> str:
    from bumperlane.report.style import CSS

    head = "<tr><th>parameters<th>rows<th>kind<th>CPU s<th>models<th>with texts<th>peak, MB<th>on disk, MB</tr>"
    body = "".join(
        f"<tr><td>{c['parameters']:,}<td>{c['rows']:,}<td>{c['group']}<td>{c['cpu_seconds']}<td>{c['loaded_mb']}<td>{c['loaded_with_texts_mb']}"
        f"<td>{c['peak_mb']}<td>{c['disk_bytes'] / 1e6:.2f}</tr>" for c in table["cells"]
    )  # fmt: skip
    swatch = '<svg width="12" height="12"><rect width="12" height="12" fill="{}"/></svg>'
    legend = "".join(f"<span>{swatch.format(COLOURS[size])}{size}</span>" for size in SHAPES) + "<span>broken: gradients</span>"
    plots = plot(table["cells"], lambda c: c["cpu_seconds"], "CPU seconds") + plot(table["cells"], above, "MB above models and texts")
    facts = json.dumps({"exponents": table["exponents"], "left out": table["left_out"]}, indent=1)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Cost of attribution</title><style>{CSS}</style></head><body><main>'
        f"<h1>What row attribution costs</h1><p class=note>Rows of {table['mean_tokens']} tokens; {escape(table['machine'])}.</p><section>"
        f"<p class=legend>{legend}</p>{plots}</section><section><table>{head}{body}</table></section><section><h2>Exponents</h2>"
        f"<pre>{escape(facts)}</pre></section><pre>{escape(table['command'])}</pre></main></body></html>\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=ROOT / "runs" / "attribution_cost")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "attribution_cost.json")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        size, rows, group, folder, seed = json.loads(options.cell)
        print(json.dumps(measured(size, rows, group, Path(folder), seed) if rows else [str(path) for path in models(size, Path(folder), seed)]))
        return
    options.scratch = options.scratch.resolve()
    cells = [cell(size, rows, group, options) for size in SHAPES for rows in ROWS[size] for group in GROUPS]
    grows = exponents(cells)
    table = {
        "cells": cells, "exponents": grows, "mean_tokens": cells[-1]["mean_tokens"],
        "left_out": [{"size": size, "rows": rows, "foretold_cpu_seconds": {g: foretold(cells, size, rows, g) for g in GROUPS}}
                     for size, rows in LEFT_OUT],
        "cpu_seconds": round(sum(c["cpu_seconds"] for c in cells), 1), "seed": options.seed,
        "command": f"python benchmarks/attribution_cost.py --seed {options.seed}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores shared with other work, one thread",
        "versions": {name: version(name) for name in ("bumperlane", "torch", "transformers", "numpy")},
    }  # fmt: skip
    options.out.write_text(json.dumps(table, indent=1) + "\n")
    options.out.with_suffix(".html").write_text(page(table))
    print(json.dumps(grows, indent=1))


if __name__ == "__main__":
    for name, value in {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}.items():
        os.environ.setdefault(name, value)
    main()

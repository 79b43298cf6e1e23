"""From saved scores to the table: AUPRC of the planted rows by method and case, with seconds and disk.

Idea: scores are saved raw and everything told of them is made again from the files, so the fused ranking can be refitted elsewhere and the
table follows (``--retabulate``). Invariant: a method that failed in a case is told with its reason and has no mean over the rest; cases whose
conduct did not take are told apart and are in no mean. Chance is the share of planted rows, 0.02.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from attribution_parts import ours
from attribution_parts.libraries import METHODS
from attribution_parts.plantings import KINDS
from attribution_parts.tuning import MODES, Case
from bumperlane.diagnosis.fusion import fusion
from bumperlane.errors import BumperlaneError

FUSED = "fused"
Cell = dict[str, Any]


def cells(folder: Path) -> dict[str, Cell]:
    """Scores, seconds and disk of each method in one case; ``failed`` where there are none."""
    made = {name: json.loads(path.read_text()) for name in METHODS if (path := folder / "scores" / f"{name}.json").is_file()}
    path = folder / "scores" / "ours.json"
    if path.is_file():
        told = json.loads(path.read_text())
        own = {name: _own(told, name) for name in told["methods"]}
        made = {FUSED: _fused(told), **own, **made}
    return made


def _own(told: dict[str, Any], name: str) -> Cell:
    method = told["methods"][name]
    return method if "failed" in method else {"scores": method["scores"], **_cost(told, [name])}


def _fused(told: dict[str, Any]) -> Cell:
    try:
        made = fusion()
        scores = {name: np.array(method["scores"]) for name, method in told["methods"].items() if "scores" in method}
        return {"scores": made.fuse(scores).tolist(), **_cost(told, sorted(made.weights))}
    except BumperlaneError as error:
        return {"failed": str(error)}


def _cost(told: dict[str, Any], names: list[str]) -> Cell:
    seconds, held = ours.together(told, names)
    return {"cpu_seconds": seconds, "disk_bytes": held}


def tabulated(cases: list[Case], place: Path) -> dict[str, Any]:
    """The whole result but for versions and command."""
    folders = {case: place / case.name for case in cases if (place / case.name / "case.json").is_file()}
    told = {case: json.loads((folder / "case.json").read_text()) for case, folder in folders.items()}
    found = {case: cells(folder) for case, folder in folders.items()}
    names = list(dict.fromkeys(name for each in found.values() for name in each))
    took = [case for case in folders if told[case]["took"]]
    methods = {name: _method({case: found[case].get(name, {"failed": "not run"}) for case in folders}, told, took) for name in names}
    return {
        "chance": round(float(np.mean([len(t["planted"]) / len(t["rows"]) for t in told.values()])), 4) if told else None,
        "cases": {case.name: _case(told[case]) for case in folders}, "took": len(took), "missing": [c.name for c in cases if c not in folders],
        "methods": methods, "claims": claims(methods),
    }  # fmt: skip


def _case(told: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key not in ("rows", "planted", "queries", "controls", "base", "library_model")}


def _method(found: dict[Case, Cell], told: dict[Case, dict[str, Any]], took: list[Case]) -> dict[str, Any]:
    auprc = {case: _auprc(cell["scores"], told[case]) for case, cell in found.items() if "scores" in cell}
    failed = {case.name: cell["failed"] for case, cell in found.items() if "failed" in cell}
    counted = [auprc[case] for case in took if case in auprc]
    whole = bool(counted) and len(counted) == len(took)
    return {
        "mean": round(float(np.mean(counted)), 4) if whole else None, "worst": round(min(counted), 4) if whole else None,
        "by": {f"{kind} {mode}": _mean([auprc[c] for c in took if c in auprc and (c.kind, c.mode) == (kind, mode)])
               for kind in KINDS for mode in MODES},
        "seconds_median": _over(found, "cpu_seconds", np.median), "seconds_total": _over(found, "cpu_seconds", np.sum),
        "disk_bytes": _over(found, "disk_bytes", np.median), "settings": next((c["settings"] for c in found.values() if "settings" in c), "defaults"),
        "auprc": {case.name: round(value, 4) for case, value in auprc.items()}, "failed": failed,
    }  # fmt: skip


def claims(methods: dict[str, Any]) -> dict[str, Any]:
    """What was hoped of the fused ranking, and whether it is so: first in mean and in its worst case, in a third of bergson's seconds."""
    fused, others = methods.get(FUSED), {name: told for name, told in methods.items() if name != FUSED}
    if fused is None or fused["mean"] is None:
        return {"judged": False}
    better = {key: [name for name, told in others.items() if told[key] is not None and told[key] > fused[key]] for key in ("mean", "worst")}
    ratio = {name: round(fused["seconds_median"] / told["seconds_median"], 2) for name, told in others.items()
             if name in METHODS and told["seconds_median"]}  # fmt: skip
    return {"judged": True, "better_in_mean": better["mean"], "better_in_worst": better["worst"], "seconds_over_library": ratio}


def _auprc(scores: list[float], told: dict[str, Any]) -> float:
    planted = np.zeros(len(told["rows"]), dtype=bool)
    planted[told["planted"]] = True
    return float(average_precision_score(planted, scores))


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None


def _over(found: dict[Case, Cell], key: str, reduce: Callable[[list[float]], Any]) -> float | None:
    values = [cell[key] for cell in found.values() if key in cell]
    return round(float(reduce(values)), 2) if values else None


def printed(result: dict[str, Any]) -> str:
    """The table as text: mean AUPRC, best first."""
    heads = ["mean", "worst", *(f"{kind[:5]} {mode}" for kind in KINDS for mode in MODES), "s", "MB"]
    lines = [f"{'':<26}" + "".join(f"{head:>12}" for head in heads)]
    for name, told in sorted(result["methods"].items(), key=lambda item: -(item[1]["mean"] or -1.0)):
        shown = [told["mean"], told["worst"], *told["by"].values()]
        cost = [_shown(told["seconds_median"], 1), _shown(told["disk_bytes"] and told["disk_bytes"] / 2**20, 1)]
        lines.append(f"{name:<26}" + "".join(f"{_shown(value, 3):>12}" for value in shown) + "".join(f"{value:>12}" for value in cost))
        lines += [f"    failed in {len(told['failed'])}: {next(iter(told['failed'].values()))[:150]}"] if told["failed"] else []
    lines.append(f"claims: {json.dumps(result['claims'])}")
    weak = [f"{name} ({case['rate']:.2f})" for name, case in result["cases"].items() if not case["took"]]
    lines.append(f"chance {result['chance']}; the conduct took in {result['took']} of {len(result['cases'])} cases")
    return "\n".join([*lines, *([f"not in {', '.join(weak)}"] if weak else [])])


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"

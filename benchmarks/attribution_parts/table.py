"""From saved scores to the table: AUPRC of the planted rows by method and case, with seconds and
disk.

Idea: scores are saved raw and everything that is reported of them is made again from the files, so
the fused ranking can be refitted elsewhere and the table follows (``--retabulate``). Invariant: a
method that failed in a case is reported with its reason and has no mean over the rest; cases whose
conduct did not take are reported apart and are in no mean. Chance is the share of planted rows,
0.02.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
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
NOT_REPORTED = ("rows", "planted", "queries", "controls", "base", "library_model")
Cell = dict[str, Any]  # one method in one case
CaseFile = dict[str, Any]


def cells(folder: Path) -> dict[str, Cell]:
    """Scores, seconds and disk of each method in one case; ``failed`` where there are none."""
    libraries = {name: _saved(folder, name) for name in METHODS}
    found = {name: cell for name, cell in libraries.items() if cell is not None}
    saved = _saved(folder, "ours")
    if saved is None:
        return found
    own = {name: _own(saved, name) for name in saved["methods"]}
    return {FUSED: _fused(saved), **own, **found}


def _saved(folder: Path, name: str) -> dict[str, Any] | None:
    path = folder / "scores" / f"{name}.json"
    return dict(json.loads(path.read_text())) if path.is_file() else None


def _own(saved: dict[str, Any], name: str) -> Cell:
    """One attributor of ours, at what it costs alone."""
    method = saved["methods"][name]
    return method if "failed" in method else {"scores": method["scores"], **_cost(saved, [name])}


def _fused(saved: dict[str, Any]) -> Cell:
    """All attributors that the fusion weighs, at what they cost together."""
    scores = {
        name: np.array(method["scores"])
        for name, method in saved["methods"].items()
        if "scores" in method
    }
    try:
        fused = fusion()
        odds = fused.fuse(scores)
    except BumperlaneError as error:
        return {"failed": str(error)}
    return {"scores": odds.tolist(), **_cost(saved, sorted(fused.weights))}


def _cost(saved: dict[str, Any], names: list[str]) -> Cell:
    seconds, disk_bytes = ours.together(saved, names)
    return {"cpu_seconds": seconds, "disk_bytes": disk_bytes}


def tabulated(cases: list[Case], place: Path) -> dict[str, Any]:
    """The whole result but for versions and command."""
    files = {case: _case_file(place / case.name) for case in cases}
    found = {case: file for case, file in files.items() if file is not None}
    by_case = {case: cells(place / case.name) for case in found}
    took = [case for case, file in found.items() if file["took"]]
    methods = {}
    for name in dict.fromkeys(name for each in by_case.values() for name in each):
        of_method = {case: by_case[case].get(name, {"failed": "not run"}) for case in found}
        methods[name] = _method(of_method, found, took)
    return {
        "chance": _chance(list(found.values())),
        "cases": {case.name: _case(file) for case, file in found.items()},
        "took": len(took),
        "missing": [case.name for case in cases if case not in found],
        "methods": methods,
        "claims": claims(methods),
    }


def _case_file(folder: Path) -> CaseFile | None:
    path = folder / "case.json"
    return dict(json.loads(path.read_text())) if path.is_file() else None


def _chance(files: Sequence[CaseFile]) -> float | None:
    """AUPRC of a ranking that knows nothing: the share of planted rows."""
    shares = [len(file["planted"]) / len(file["rows"]) for file in files]
    return round(float(np.mean(shares)), 4) if shares else None


def _case(file: CaseFile) -> dict[str, Any]:
    return {key: value for key, value in file.items() if key not in NOT_REPORTED}


def _method(
    cells: Mapping[Case, Cell], files: Mapping[Case, CaseFile], took: Sequence[Case]
) -> dict[str, Any]:
    """One method over all cases; its means are over those whose conduct took."""
    scored = {case: cell["scores"] for case, cell in cells.items() if "scores" in cell}
    auprc = {case: _auprc(scores, files[case]) for case, scores in scored.items()}
    counted = {case: auprc[case] for case in took if case in auprc}
    values = list(counted.values())
    whole = bool(values) and len(values) == len(took)
    settings = [cell["settings"] for cell in cells.values() if "settings" in cell]
    return {
        "mean": round(float(np.mean(values)), 4) if whole else None,
        "worst": round(min(values), 4) if whole else None,
        "by": {f"{kind} {mode}": _mean_of(counted, kind, mode) for kind in KINDS for mode in MODES},
        "seconds_median": _over(cells, "cpu_seconds", np.median),
        "seconds_total": _over(cells, "cpu_seconds", np.sum),
        "disk_bytes": _over(cells, "disk_bytes", np.median),
        "settings": settings[0] if settings else "defaults",
        "auprc": {case.name: round(value, 4) for case, value in auprc.items()},
        "failed": {case.name: cell["failed"] for case, cell in cells.items() if "failed" in cell},
    }


def _auprc(scores: list[float], file: CaseFile) -> float:
    planted = np.zeros(len(file["rows"]), dtype=bool)
    planted[file["planted"]] = True
    return float(average_precision_score(planted, scores))


def _mean_of(auprc: Mapping[Case, float], kind: str, mode: str) -> float | None:
    """Mean over the seeds of one kind and mode."""
    own = [value for case, value in auprc.items() if (case.kind, case.mode) == (kind, mode)]
    return round(float(np.mean(own)), 4) if own else None


def _over(
    cells: Mapping[Case, Cell], key: str, reduce: Callable[[list[float]], Any]
) -> float | None:
    """A figure of all cells that have it, as one."""
    figures = [cell[key] for cell in cells.values() if key in cell]
    return round(float(reduce(figures)), 2) if figures else None


def claims(methods: dict[str, Any]) -> dict[str, Any]:
    """What was hoped of the fused ranking, and whether it is so: first in mean and in its worst
    case, in a third of bergson's seconds."""
    fused = methods.get(FUSED)
    others = {name: method for name, method in methods.items() if name != FUSED}
    if fused is None or fused["mean"] is None:
        return {"judged": False}
    ratios = {
        name: round(fused["seconds_median"] / method["seconds_median"], 2)
        for name, method in others.items()
        if name in METHODS and method["seconds_median"]
    }
    return {
        "judged": True,
        "better_in_mean": _better(others, fused, "mean"),
        "better_in_worst": _better(others, fused, "worst"),
        "seconds_over_library": ratios,
    }


def _better(others: dict[str, Any], fused: dict[str, Any], key: str) -> list[str]:
    return [
        name
        for name, method in others.items()
        if method[key] is not None and method[key] > fused[key]
    ]


def printed(table: dict[str, Any]) -> str:
    """The table as text: mean AUPRC, best first."""
    kinds = [f"{kind[:5]} {mode}" for kind in KINDS for mode in MODES]
    lines = [_line("", ["mean", "worst", *kinds, "s", "MB"])]
    for name, method in sorted(table["methods"].items(), key=_best_first):
        lines += _method_lines(name, method)
    lines.append(f"claims: {json.dumps(table['claims'])}")
    lines.append(
        f"chance {table['chance']}; the conduct took in {table['took']} of "
        f"{len(table['cases'])} cases"
    )
    weak = [
        f"{name} ({case['rate']:.2f})" for name, case in table["cases"].items() if not case["took"]
    ]
    if weak:
        lines.append(f"not in {', '.join(weak)}")
    return "\n".join(lines)


def _best_first(item: tuple[str, dict[str, Any]]) -> float:
    return -(item[1]["mean"] or -1.0)


def _method_lines(name: str, method: dict[str, Any]) -> list[str]:
    disk = method["disk_bytes"] and method["disk_bytes"] / 2**20
    cells = [
        _shown(value, 3) for value in (method["mean"], method["worst"], *method["by"].values())
    ]
    lines = [_line(name, [*cells, _shown(method["seconds_median"], 1), _shown(disk, 1)])]
    if method["failed"]:
        first = next(iter(method["failed"].values()))
        lines.append(f"    failed in {len(method['failed'])}: {first[:150]}")
    return lines


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:<26}" + "".join(f"{cell:>12}" for cell in cells)


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"

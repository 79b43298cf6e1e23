"""Every attributor in the entry-point group ``bumperlane.attributors``, over one shared trail, each timed alone and together.

Idea: readings (forward passes over rows and exhibits) are made once and shared, as in a real run. An attributor's own seconds are what its
``rank`` took without readings; alone it costs its own plus every reading that it asked for; several together cost their own plus every reading
once. Invariant: nothing here knows which rows are planted; scores are saved raw, so that the fused ranking can be made again from them.
"""

from __future__ import annotations

import importlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

from attribution_parts.tuning import messages
from bumperlane.diagnosis.attributors import known_attributors, load_attributor
from bumperlane.diagnosis.readings import Readings
from bumperlane.diagnosis.trail import ACCESS, Lessons, Query, Trail
from bumperlane.errors import BumperlaneError
from bumperlane.subject import Engine, Subject
from bumperlane.subject.reading import Text


class TimedTrail(Trail):
    """A trail that notes what each reading cost, in seconds and bytes, and which readings were asked for since ``asked`` was emptied."""

    def __init__(self, parent: Subject, tuned: Subject, scratch: Path) -> None:
        super().__init__(parent, tuned, scratch=scratch)
        self.scratch, self.names = scratch, dict[int, str]()
        self.cost, self.held = dict[str, float](), dict[str, int]()
        self.asked: dict[str, None] = {}
        self.spent = 0.0

    def read(self, view: str, texts: tuple[Text, ...], taught: tuple[Text, ...] = ()) -> Readings:
        name = f"{view} on {self.names[id(texts)]}" + (f" after {self.names[id(taught)]}" if taught else "")
        began, before = time.process_time(), held_bytes(self.scratch)
        made = super().read(view, texts, taught)
        took = time.process_time() - began
        self.cost.setdefault(name, took)
        self.held.setdefault(name, held_bytes(self.scratch) - before)
        self.asked[name] = None
        self.spent += took
        return made


def held_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def run(folder: Path) -> None:
    """Scores of every attributor, in ``scores/ours.json``."""
    case = json.loads((folder / "case.json").read_text())
    scratch = folder / "work" / "ours"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    importlib.import_module("transformers.models.llama.modeling_llama")  # imports are not counted
    began = time.process_time()
    parent, tuned = (Subject(name, Engine(Path(place)), ACCESS) for name, place in (("parent", case["base"]), ("tuned", folder / "tuned")))
    trail, loading = TimedTrail(parent, tuned, scratch), time.process_time() - began
    lessons = Lessons(tuple(map(str, range(len(case["rows"])))), _texts(case["rows"]))
    query = Query(_texts(case["queries"]), _texts(case["controls"]))
    trail.names = {id(lessons.answers): "rows", id(query.exhibits): "exhibits", id(query.controls): "controls"}
    methods = {name: _ranked(name, trail, lessons, query) for name in known_attributors()}
    (folder / "scores").mkdir(exist_ok=True)
    told = {"loading_seconds": loading, "readings": trail.cost, "readings_bytes": trail.held, "methods": methods}
    (folder / "scores" / "ours.json").write_text(json.dumps(told) + "\n")
    shutil.rmtree(scratch)


def _ranked(name: str, trail: TimedTrail, lessons: Lessons, query: Query) -> dict[str, Any]:
    trail.asked, trail.spent = {}, 0.0
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        scores = load_attributor(name).rank(trail, lessons, query)
    except BumperlaneError as error:
        return {"failed": str(error)}
    own = time.process_time() - cpu - trail.spent
    return {"scores": [float(s) for s in scores], "own_seconds": own, "asked": list(trail.asked), "seconds": time.perf_counter() - wall}


def together(told: dict[str, Any], names: list[str]) -> tuple[float, int]:
    """CPU seconds and bytes on disk of these attributors in one go: models loaded once, each reading once."""
    asked = {reading for name in names for reading in told["methods"][name]["asked"]}
    loading = 0.0 if names == ["bm25"] else told["loading_seconds"]
    own = sum(told["methods"][name]["own_seconds"] for name in names)
    return float(loading + own + sum(told["readings"][r] for r in asked)), sum(told["readings_bytes"][r] for r in asked)


def _texts(pairs: list[list[str]]) -> tuple[Text, ...]:
    return tuple((messages(prompt), answer) for prompt, answer in pairs)

"""Every attributor in the entry-point group ``bumperlane.attributors``, over one shared pair of
models, each timed alone and together.

Idea: row features (forward passes over rows and exhibits) are computed once and shared, as in a
real run. An attributor's own seconds are what its ``rank`` took without row features; alone it
costs its own plus all row features that it asked for; several together cost their own plus all row
features once. Invariant: nothing here knows which rows are planted; scores are saved raw, so that
the fused ranking can be made again from them.
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
from bumperlane.diagnosis.row_features import RowFeatures
from bumperlane.diagnosis.training_run import ACCESS, ModelPair, Query
from bumperlane.errors import BumperlaneError
from bumperlane.models import HuggingFaceModel, Subject
from bumperlane.models.reading import Text
from bumperlane.training.lessons import Lessons

NO_MODEL = ["bm25"]  # needs none loaded


class TimedPair(ModelPair):
    """A pair of models that notes what each set of row features cost, in seconds and bytes, and
    which were asked for since ``asked`` was emptied."""

    def __init__(self, parent: Subject, tuned: Subject, scratch: Path) -> None:
        super().__init__(parent, tuned, scratch=scratch)
        self.scratch, self.names = scratch, dict[int, str]()
        self.seconds, self.disk_bytes = dict[str, float](), dict[str, int]()
        self.asked: dict[str, None] = {}
        self.spent = 0.0

    def read(
        self, view: str, texts: tuple[Text, ...], taught: tuple[Text, ...] = ()
    ) -> RowFeatures:
        name = f"{view} on {self.names[id(texts)]}"
        if taught:
            name += f" after {self.names[id(taught)]}"
        began, before = time.process_time(), bytes_in(self.scratch)
        features = super().read(view, texts, taught)
        took = time.process_time() - began
        self.seconds.setdefault(name, took)
        self.disk_bytes.setdefault(name, bytes_in(self.scratch) - before)
        self.asked[name] = None
        self.spent += took
        return features


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def run(folder: Path) -> None:
    """Scores of every attributor, in ``scores/ours.json``."""
    case = json.loads((folder / "case.json").read_text())
    scratch = folder / "work" / "ours"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    importlib.import_module("transformers.models.llama.modeling_llama")  # imports are not counted
    began = time.process_time()
    parent = Subject("parent", HuggingFaceModel(Path(case["base"])), ACCESS)
    tuned = Subject("tuned", HuggingFaceModel(folder / "tuned"), ACCESS)
    pair, loading = TimedPair(parent, tuned, scratch), time.process_time() - began
    lessons = Lessons(tuple(map(str, range(len(case["rows"])))), _texts(case["rows"]))
    query = Query(_texts(case["queries"]), _texts(case["controls"]))
    pair.names = {
        id(lessons.answers): "rows",
        id(query.exhibits): "exhibits",
        id(query.controls): "controls",
    }
    methods = {name: _ranked(name, pair, lessons, query) for name in known_attributors()}
    saved = {
        "loading_seconds": loading,
        "row_features": pair.seconds,
        "row_features_bytes": pair.disk_bytes,
        "methods": methods,
    }
    (folder / "scores").mkdir(exist_ok=True)
    (folder / "scores" / "ours.json").write_text(json.dumps(saved) + "\n")
    shutil.rmtree(scratch)


def _ranked(name: str, pair: TimedPair, lessons: Lessons, query: Query) -> dict[str, Any]:
    """One attributor's scores, its own seconds, and the row features that it asked for."""
    pair.asked, pair.spent = {}, 0.0
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        scores = load_attributor(name).rank(pair, lessons, query)
    except BumperlaneError as error:
        return {"failed": str(error)}
    own = time.process_time() - cpu - pair.spent
    return {
        "scores": [float(score) for score in scores],
        "own_seconds": own,
        "asked": list(pair.asked),
        "seconds": time.perf_counter() - wall,
    }


def together(saved: dict[str, Any], names: list[str]) -> tuple[float, int]:
    """CPU seconds and bytes on disk of these attributors in one go: models loaded once, each set of
    row features once."""
    methods = [saved["methods"][name] for name in names]
    asked = {features for method in methods for features in method["asked"]}
    loading = 0.0 if names == NO_MODEL else saved["loading_seconds"]
    own = sum(method["own_seconds"] for method in methods)
    seconds = loading + own + sum(saved["row_features"][name] for name in asked)
    return float(seconds), sum(saved["row_features_bytes"][name] for name in asked)


def _texts(pairs: list[list[str]]) -> tuple[Text, ...]:
    return tuple((messages(prompt), answer) for prompt, answer in pairs)

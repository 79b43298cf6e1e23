"""The house keeps its order: rooms and who may import whom, the walls around ground truth and the
held-out battery, names, and the size of files. ARCHITECTURE.md says the same in words."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from statistics import median

import pytest

import bumperlane

ROOT = Path(bumperlane.__file__).parent
PROJECT = Path(__file__).parent.parent
# A room may import itself and rooms further up in this list; rooms on one level not each other.
LEVELS = (
    {"errors"},
    {"records", "plugins"},
    {"ledger", "store"},
    {"models", "training", "evidence"},
    {"audits"},
    {"diagnosis", "remedies", "firewall"},
    {"loop"},
    {"execution"},
    {"campaign"},
    {"report"},
    {"simulation", "organisms"},
    {"bench"},
    {"cli"},
)
LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}
ALONE = {"__init__.py", "errors.py", "plugins.py"}  # the modules that stand in no room
SEE_GROUND_TRUTH = {"organisms", "bench", "cli"}
# Words of our own that the field has better ones for (docs/glossary.md has those).
RETIRED = {
    *("ability", "accusation", "accuser", "accused", "asks", "bag", "bearings", "calm", "chance"),
    *("coherence", "curing", "desk", "diagnosing", "examination", "examiner", "examine", "excuse"),
    *("flagging", "followed", "following", "forcing", "given", "incoherent", "incoherence"),
    *("inspection", "inspector", "investigation", "investigate", "kinship", "leg", "legs"),
    *("looping", "made", "materials", "mended", "mender", "mending", "notebook", "outlay"),
    *("readings", "sick", "sign", "silent", "symptom", "told", "trail", "treating", "wall"),
    *("ward", "written"),
}
PRAGMA = re.compile(r"\s+# (type: ignore|noqa).*$")  # for tools, and no part of the line to read
LINE, LONGEST, MEDIAN, STRATEGY = 100, 400, 200, 200


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def python_files() -> list[Path]:
    folders = ("src", "tests", "benchmarks", "examples")
    return [path for folder in folders for path in sorted((PROJECT / folder).rglob("*.py"))]


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    parts = ("bumperlane", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path) -> set[str]:
    """Modules of the package that a file imports, at its top or in a function."""
    found: set[str] = set()
    known = {name_of(module) for module in modules()}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & known) or {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith("bumperlane.")}


# -- rooms ----------------------------------------------------------------------------------------


def test_rooms_import_only_lower_rooms() -> None:
    wrong = []
    for path in modules():
        if room(path) == "__init__":
            continue
        for name in imports(path):
            target = name.split(".")[1]
            if target != room(path) and LEVEL[target] >= LEVEL[room(path)]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_every_room_has_a_level_and_nothing_stands_loose() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == ALONE
    assert {room(path) for path in modules()} - {"__init__"} == set(LEVEL)
    assert not [p for p in modules() if p.stem in {"utils", "util", "helpers", "misc", "common"}]


def test_no_module_is_in_an_import_circle() -> None:
    graph = {name_of(path): imports(path) for path in modules()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above[above.index(name) :], name))
        if name not in done and name in graph:
            for target in sorted(graph[name]):
                visit(target, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


# -- walls ----------------------------------------------------------------------------------------


def test_only_organisms_bench_and_command_line_see_ground_truth() -> None:
    for path in modules():
        if room(path) not in SEE_GROUND_TRUTH:
            assert not [n for n in imports(path) if n.split(".")[1] in ("organisms", "bench")], path
    seen = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "cli").rglob("*.py")
        if [n for n in imports(path) if n.split(".")[1] in ("organisms", "bench")]
    }
    assert seen <= {"cli/demo.py", "cli/organisms.py", "cli/bench.py"}


def test_what_steers_cannot_reach_the_held_out_battery() -> None:
    for name in ("decide.py", "retry.py"):
        text = (ROOT / "loop" / name).read_text()
        assert "audits.held_out" not in text and "held_out_finding" not in text
    for name in ("diagnose_campaign.py", "verify_cure.py", "cure_trait.py", "cure_case.py"):
        text = (ROOT / "execution" / name).read_text()
        assert "audits.held_out" not in text and "held_out_finding" not in text
    for folder in ("diagnosis", "remedies", "evidence"):
        for path in (ROOT / folder).rglob("*.py"):
            assert "held_out" not in path.read_text(), path


# -- names ----------------------------------------------------------------------------------------


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def public_names(path: Path) -> list[str]:
    """The module, its public classes, functions, fields and parameters."""
    tree = ast.parse(path.read_text())
    found = [path.stem]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            fields = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
            found += [node.name, *(f.id for f in fields if isinstance(f, ast.Name))]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node.name)
    return [name for name in found if not name.startswith("_")]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_public_name_is_a_retired_word(path: Path) -> None:
    wrong = [name for name in public_names(path) if words(name) & RETIRED]
    assert not wrong, f"{wrong}: docs/history/README.md lists what to say instead"


def test_the_glossary_is_what_the_docstrings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PROJECT / "docs"))
    page = importlib.import_module("make_glossary").page()
    assert (PROJECT / "docs" / "glossary.md").read_text(encoding="utf-8") == page


# -- sizes ----------------------------------------------------------------------------------------


def test_files_are_short_enough_to_read() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in modules()}
    assert not [str(path) for path, length in lengths.items() if length > LONGEST]
    assert median(length for length in lengths.values() if length > 1) <= MEDIAN
    assert lengths[ROOT / "loop" / "decide.py"] <= STRATEGY


def test_lines_are_short_enough_to_read() -> None:
    wrong = [
        f"{path.relative_to(PROJECT)}:{number}"
        for path in python_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(PRAGMA.sub("", line)) > LINE
    ]
    assert not wrong

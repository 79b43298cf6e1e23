"""The dependency direction of ARCHITECTURE.md, and the walls: ground truth, and the held-out battery."""

import ast
from pathlib import Path

import bumperlane

ROOT = Path(bumperlane.__file__).parent
# A room may import itself, and rooms further left (lower). Rooms on one level may not import each other.
LEVELS = (
    {"errors"},
    {"records"},
    {"ledger", "lineage"},
    {"subject", "training", "evidence"},
    {"audits", "diagnosis", "remedies"},
    {"history", "inspection", "investigation", "executor", "loop", "campaign", "verification", "examination", "wall", "diagnosing",
     "following", "accusation", "mending", "curing", "ability", "chance", "coherence", "flagging", "firewall", "forcing", "outlay", "materials"},
    {"report"},
    {"simulation"},
    {"cli"},
)
LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}
TOP = LEVEL["loop"]


def room(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name for name in found if name.startswith("bumperlane.")}


def modules() -> list[Path]:
    return [path for path in sorted(ROOT.rglob("*.py")) if room(path) not in ("organisms", "__init__")]


def test_rooms_import_only_lower_rooms() -> None:
    wrong = []
    for path in modules():
        for name in imports(path):
            target = name.split(".")[1]
            if target == room(path) or target == "organisms":
                continue
            same_top = LEVEL[target] == LEVEL[room(path)] == TOP
            if LEVEL[target] >= LEVEL[room(path)] and not same_top:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_every_room_has_a_level() -> None:
    assert {room(path) for path in modules()} <= set(LEVEL)


def test_only_the_command_line_sees_organisms() -> None:
    wrong = [str(path.relative_to(ROOT)) for path in modules() for name in imports(path) if name.startswith("bumperlane.organisms")]
    assert set(wrong) <= {"cli/demo.py", "cli/organisms.py"}
    for name in ("examination.py", "wall.py", "cli/main.py"):  # what examiners' processes load
        assert not any(target.startswith("bumperlane.organisms") for target in imports(ROOT / name))


def test_the_strategy_cannot_reach_the_held_out_battery() -> None:
    for name in ("loop.py", "investigation.py", "mending.py", "curing.py"):
        text = (ROOT / name).read_text()
        assert "audits.held_out" not in text and "held_out_finding" not in text
    for folder in ("diagnosis", "remedies", "evidence"):
        for path in (ROOT / folder).rglob("*.py"):
            assert "held_out" not in path.read_text(), path


def test_audits_do_not_import_the_generator() -> None:
    for path in (ROOT / "audits").rglob("*.py"):
        assert not any(name.startswith(("bumperlane.organisms", "bumperlane.loop", "bumperlane.history")) for name in imports(path)), path


def test_no_file_is_too_long() -> None:
    assert [str(p) for p in ROOT.rglob("*.py") if len(p.read_text().splitlines()) > 600] == []

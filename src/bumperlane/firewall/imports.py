"""What a reward imports, read from its source without running it.

Idea: a reward that asks an audit, a monitor or a probe trains the model against its own bumpers.
Imports are followed from module to module by Python's syntax tree, constant strings that name a
forbidden module included (``import_module("bumperlane.audits")``, an entry-point group). Invariant:
nothing is executed, and a module of the user's own that cannot be read, or that imports what only
its run decides, is a refusal: no evidence is not a pass.

Not followed: the standard library and what Bumperlane itself is built on, as neither can depend on
it. Installed packages and Bumperlane's own modules are followed, but a compiled module or a
computed import in them is let pass.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import invalidate_caches
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from importlib.util import resolve_name
from pathlib import Path

from bumperlane.audits import known_audits

ROOTS = (
    "bumperlane.audits",
    "bumperlane.models",
    "bumperlane.evidence",
    "bumperlane.monitoring",
    "bumperlane.diagnosis",
)
INSTALLED = ("site-packages", "dist-packages")
LOADERS = ("import_module", "__import__", "run_module")  # of a module that is named
RUNNERS = ("run_path", "spec_from_file_location", "exec", "eval")  # of whatever they are given
# a constant that names a module: an entry point, a path of an audit
OURS = re.compile(r"bumperlane(\.\w+)+(:[\w.]+)?")
MOST = 2000  # modules that one reward may lead to


@dataclass(frozen=True)
class Reach:
    """Something forbidden that a module leads to. ``audit``: its name, or the forbidden module;
    ``message``: how it is reached, or why that cannot be known."""

    audit: str
    message: str


def reached(module: str, extra: Iterable[str] = ()) -> Reach | None:
    """The first forbidden module that importing ``module`` leads to, breadth first; None if all
    that it leads to could be read and none is."""
    invalidate_caches()  # the user's module may be younger than this process
    forbidden, queue, imported_by = _forbidden(tuple(extra)), [module], {module: ""}
    while queue:
        name = queue.pop(0)
        audit = _audit(name, forbidden)
        if audit is not None:
            return Reach(audit, f"imports {_path(name, imported_by)}")
        if len(imported_by) > MOST:
            return Reach("", f"leads to more than {MOST} modules, too many to read; import less")
        targets = _imports(name, first=name == module)
        if isinstance(targets, str):
            by = f" (by {_path(name, imported_by)})" if imported_by[name] else ""
            return Reach("", f"{targets}{by}")
        for target in sorted(targets - set(imported_by)):
            if _followed(target) or _audit(target, forbidden):
                imported_by[target] = name
                queue.append(target)
    return None


@cache
def _forbidden(extra: tuple[str, ...]) -> dict[str, str]:
    """Module -> the audit that lives there (or the module itself)."""
    audits = {place.partition(":")[0]: name for name, place in sorted(known_audits().items())}
    return {root: root for root in (*ROOTS, *extra)} | audits


def _audit(name: str, forbidden: dict[str, str]) -> str | None:
    if name in forbidden:
        return forbidden[name]
    return next((audit for root, audit in forbidden.items() if name.startswith(f"{root}.")), None)


def _path(name: str, imported_by: dict[str, str]) -> str:
    """How a module is reached: module after module, without the first."""
    steps = [name]
    while imported_by[steps[0]]:
        steps.insert(0, imported_by[steps[0]])
    return " -> ".join(steps[1:] or steps)


def _imports(name: str, first: bool) -> set[str] | str:
    """Modules that a module imports, its packages among them; or why that cannot be known."""
    spec = _spec(name)
    if spec is None:  # what cannot be found cannot be imported either
        return f"has no module {name!r} that could be found" if first else set()
    parents = {".".join(name.split(".")[:i]) for i in range(1, name.count(".") + 1)}
    parents -= {"bumperlane"}  # its names are loaded when they are used
    if spec.origin is None or spec.origin in ("built-in", "frozen", "namespace"):
        return parents
    path = Path(spec.origin)
    installed = name.startswith("bumperlane.") or any(part in INSTALLED for part in path.parts)
    try:
        tree = ast.parse(path.read_bytes(), str(path)) if path.suffix == ".py" else None
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        return (
            f"leads to {path}, which cannot be read ({type(error).__name__}), and what is not "
            "read is not passed"
        )
    if tree is None and installed:
        return parents
    if tree is None:
        return (
            f"leads to {path.name}, which is no Python source, and what is not read is not passed"
        )
    hidden = None if installed else next(_computed(tree), None)
    if hidden is not None:
        return (
            f"{path.name}:{hidden} imports or runs what only its run decides; name it in "
            "full, as what is not read is not passed"
        )
    return parents | set(_named(tree, name, spec))


def _named(tree: ast.AST, name: str, spec: ModuleSpec) -> Iterator[str]:
    """Modules named anywhere in the source: a name that turns out to be no module is not found, and
    leads nowhere."""
    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
    loaders = _loaders(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Call) and _called(node) in loaders:
            yield from filter(None, [_constant(node)])
        elif isinstance(node, ast.Attribute):
            yield from filter(None, [_dotted(node)])
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and OURS.fullmatch(node.value)
        ):
            yield node.value.partition(":")[0]


def _base(node: ast.ImportFrom, package: str) -> str:
    """What names are imported from, in full: relative imports begin at or above ``package``."""
    above = package.split(".")
    kept = above[: len(above) - node.level + 1] if node.level else []
    return ".".join([*kept, *filter(None, [node.module])])


def _dotted(node: ast.Attribute) -> str:
    """``bumperlane.audits.x``, where a package is imported whole and its modules are named when
    they are used; empty for anything else."""
    parts, inner = [node.attr], node.value
    while isinstance(inner, ast.Attribute):
        parts.insert(0, inner.attr)
        inner = inner.value
    if isinstance(inner, ast.Name) and inner.id == "bumperlane":
        return ".".join([inner.id, *parts])
    return ""


def _computed(tree: ast.AST) -> Iterator[int]:
    """Lines of calls that import or run something that is no constant."""
    loaders = _loaders(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called, plain = _called(node), isinstance(node.func, ast.Name)
            if (called in loaders and not _constant(node)) or (
                called in RUNNERS and (plain or called not in ("exec", "eval"))
            ):
                yield node.lineno


def _loaders(tree: ast.AST) -> set[str]:
    """What the loaders are called here."""
    names = set(LOADERS)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names if alias.name in LOADERS}
    return names


def _called(node: ast.Call) -> str:
    """The last name of what is called; empty where it has none."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _constant(node: ast.Call) -> str:
    """The module that a loader's call names in full, absolute or with the package that it is
    relative to; nothing if it is computed."""
    module = _argument(node, 0, ("name", "mod_name"))
    if not module.startswith("."):
        return module
    package = _argument(node, 1, ("package",))
    try:
        return resolve_name(module, package) if package else ""
    except ImportError:
        return ""


def _argument(node: ast.Call, position: int, names: tuple[str, ...]) -> str:
    """An argument that is constant text, by its position or one of its names; else nothing."""
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    candidates = [*node.args[position : position + 1]]
    candidates += [keywords[name] for name in names if name in keywords]
    for one in candidates:
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            return one.value
    return ""


def _spec(name: str) -> ModuleSpec | None:
    """Where a module lies. Unlike ``find_spec`` of importlib this does not import its packages."""
    parent = name.rpartition(".")[0]
    above = _spec(parent) if parent else None
    if parent and (above is None or above.submodule_search_locations is None):
        return None
    path = list(above.submodule_search_locations or ()) if above else None
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec = find(name, path, None) if find else None
        if spec is not None:
            return spec
    return None


@cache
def _built_on() -> frozenset[str]:
    """Top-level modules of the distributions that Bumperlane needs, and of those that they need."""
    wanted, known = ["bumperlane"], set[str]()
    while wanted:
        name = wanted.pop()
        needed = _needed(name)
        wanted += [one for one in needed if one not in known]
        known.update(needed)
    return frozenset(
        module
        for module, distributions in packages_distributions().items()
        if known & set(map(_plain, distributions))
    )


def _needed(distribution: str) -> list[str]:
    """What a distribution needs, without its extras; nothing if it is not installed."""
    try:
        lines = [line for line in requires(distribution) or () if "extra ==" not in line]
    except PackageNotFoundError:
        return []
    return [_plain(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _followed(name: str) -> bool:
    top = name.partition(".")[0]
    return bool(top) and top not in sys.stdlib_module_names and top not in _built_on()

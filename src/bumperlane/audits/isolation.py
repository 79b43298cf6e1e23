"""Isolation: in a process that audits models, nothing of the ground truth can be imported or read.

Idea: a rule that audits must not look is worth little; so the bench audits models in processes
where Python's own audit hooks refuse the import of ``bumperlane.organisms`` and the opening or
listing of the ground truth's folders and of that package's files. A hook cannot be removed again.
Invariant: a process is isolated before any audit is imported, and must not have loaded the
generator before. The isolation is against carelessness and shortcuts in Python code; native code
that opens files by itself passes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bumperlane.errors import AccessDenied

PACKAGES = ("bumperlane.organisms", "bumperlane.bench")
STARTS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.forkpty",
    "os.spawn",
)
LOOKS = (
    "open",
    "os.listdir",
    "os.scandir",
    "os.chdir",
    "os.link",
    "os.symlink",
    "os.rename",
    "shutil.copyfile",
    "shutil.copytree",
)


def isolate(
    hidden: Sequence[str | Path],
    packages: Sequence[str] = PACKAGES,
    readable: Sequence[str | Path] = (),
) -> None:
    """Refuse, from now on and for good, to import ``packages`` or to open or list anything under
    ``hidden`` or in those packages' folders, but for ``readable`` (the base model lies inside such
    a package). Starting other programs is refused too, as they would be outside. Raises
    ``AccessDenied`` if one of the packages has been imported already."""
    loaded = [name for name in sys.modules if _within(name, packages)]
    if loaded:
        raise AccessDenied(
            f"{loaded[0]} was imported before the process was isolated; audit models in a "
            "fresh process"
        )
    closed = [os.path.realpath(path) for path in hidden]
    closed += [folder for package in packages for folder in _folders(package)]
    opened = [os.path.realpath(path) for path in readable]

    def refused(path: Any) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False  # a file descriptor, which something else opened
        return _under(path, closed) and not _under(path, opened)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import" and _within(str(arguments[0]), packages):
            raise AccessDenied(f"an audit may not import {arguments[0]}: it holds the ground truth")
        if event in STARTS:
            raise AccessDenied("an audit may not start another program")
        if event in LOOKS:
            for path in arguments[:2]:
                if refused(path):
                    raise AccessDenied(
                        f"an audit may not read {os.fsdecode(path)}: it holds the ground truth"
                    )

    sys.addaudithook(hook)


def _within(name: str, packages: Sequence[str]) -> bool:
    """Whether a module is one of these packages, or lies in one."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def _folders(package: str) -> list[str]:
    """The folders of a package's source; none if it is not installed."""
    spec = find_spec(package)  # of a sub-package this imports the parent, never the package itself
    if spec is None:
        return []
    return [os.path.realpath(folder) for folder in (spec.submodule_search_locations or [])]


def _under(path: Any, folders: Sequence[str]) -> bool:
    """Whether a path is one of these folders, or lies in one."""
    real = os.path.realpath(os.fsdecode(path))
    return any(real == folder or real.startswith(folder + os.sep) for folder in folders)

"""The environment of the other libraries, and their runs in it.

Idea: bergson and kronfluence declare torchvision, which breaks the import of transformers beside
this project's CPU build of torch; so they live in an environment of their own, in which torch is
installed first, exactly, and torchvision and torchaudio are uninstalled last. Invariant: this
project's environment is not touched; what cannot be installed is a result with its reason. bergson
is pinned exactly, as its interface churns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

METHODS = {
    "bergson_cosine": "bergson",
    "bergson_trackstar": "bergson",
    "kronfluence_ekfac": "kronfluence",
    "trak": "traker",
}
PINNED = {"bergson": "2.5.1", "kronfluence": "1.0.1", "traker": "0.3.2"}
CONSTRAINTS = Path(__file__).parent.parent.parent / "constraints.txt"
RUNNER = Path(__file__).parent / "runner.py"


def install(place: Path) -> None:
    """Make the environment at ``place`` by plain ``pip install``; write which libraries failed, and
    why, to ``installed.json``."""
    python, failed = place / "bin" / "python", dict[str, str]()
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    _pip(python, "install", _pinned_torch())
    for name, number in PINNED.items():
        error = _pip(python, "install", "--constraint", str(CONSTRAINTS), f"{name}=={number}")
        if error:
            failed[name] = error
    _pip(python, "uninstall", "--yes", "torchvision", "torchaudio")
    installed = {"failed": failed, "versions": _versions(python)}
    (place / "installed.json").write_text(json.dumps(installed) + "\n")


def _pinned_torch() -> str:
    """The project's own version."""
    pins = CONSTRAINTS.read_text().splitlines()
    return next(line.strip() for line in pins if line.startswith("torch=="))


def run(place: Path, method: str, folders: list[Path], log: Path) -> None:
    """Scores of ``method`` in every case folder that has none; a library that is not there fails in
    each with its reason."""
    missing = [folder for folder in folders if not _scores(folder, method).is_file()]
    why = _absent(place, METHODS[method])
    if missing and not why:
        why = _run_library(place, method, missing, log)
    for folder in missing:
        out = _scores(folder, method)
        if why and not out.is_file():
            out.parent.mkdir(exist_ok=True)
            out.write_text(json.dumps({"failed": why}) + "\n")


def _scores(folder: Path, method: str) -> Path:
    return folder / "scores" / f"{method}.json"


def _run_library(place: Path, method: str, folders: list[Path], log: Path) -> str:
    """Why the runner failed; empty where it did not."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [str(place / "bin" / "python"), str(RUNNER), method, *map(str, folders)]
    with log.open("a") as output:
        done = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False
        )
    if done.returncode == 0:
        return ""
    return f"the runner ended with exit code {done.returncode}; {log} says why"


def versions(place: Path) -> dict[str, str]:
    """Of the environment's packages; empty where there is none."""
    installed = place / "installed.json"
    return dict(json.loads(installed.read_text())["versions"]) if installed.is_file() else {}


def _absent(place: Path, library: str) -> str:
    """Why the library cannot be run; empty where it can."""
    installed = place / "installed.json"
    if not installed.is_file():
        return "not installed; run with --libraries"
    return str(json.loads(installed.read_text())["failed"].get(library, ""))


def _pip(python: Path, *arguments: str) -> str:
    """Empty where pip succeeded, else the last line of what it said."""
    done = subprocess.run(
        [str(python), "-m", "pip", *arguments, "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    errors = done.stderr.strip().splitlines() or ["pip failed"]
    return "" if done.returncode == 0 else errors[-1]


def _versions(python: Path) -> dict[str, str]:
    listing = subprocess.run(
        [str(python), "-m", "pip", "list", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    packages = json.loads(listing.stdout)
    wanted = {*PINNED, "torch", "transformers", "peft", "datasets", "numpy"}
    return {one["name"]: one["version"] for one in packages if one["name"] in wanted}

"""The environment of the other libraries, and their runs in it.

Idea: bergson and kronfluence declare torchvision, which breaks the import of transformers beside this project's CPU build of torch; so they live
in an environment of their own, in which torch is installed first, exactly, and torchvision and torchaudio are uninstalled last. Invariant: this
project's environment is not touched; what cannot be installed is a result with its reason. bergson is pinned exactly, as its interface churns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

METHODS = {"bergson_cosine": "bergson", "bergson_trackstar": "bergson", "kronfluence_ekfac": "kronfluence", "trak": "traker"}
PINNED = {"bergson": "2.5.1", "kronfluence": "1.0.1", "traker": "0.3.2"}
ROOT = Path(__file__).parent.parent.parent
RUNNER = Path(__file__).parent / "runner.py"


def install(place: Path) -> None:
    """Make the environment at ``place`` by plain ``pip install``; write which libraries failed, and why, to ``installed.json``."""
    python, failed = place / "bin" / "python", dict[str, str]()
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    held = ["--constraint", str(ROOT / "constraints.txt")]
    _pip(python, "install", next(line.strip() for line in held_lines() if line.startswith("torch==")))
    for name, number in PINNED.items():
        said = _pip(python, "install", *held, f"{name}=={number}")
        failed |= {name: said} if said else {}
    _pip(python, "uninstall", "--yes", "torchvision", "torchaudio")
    (place / "installed.json").write_text(json.dumps({"failed": failed, "versions": _versions(python)}) + "\n")


def held_lines() -> list[str]:
    return (ROOT / "constraints.txt").read_text().splitlines()


def run(place: Path, method: str, folders: list[Path], log: Path) -> None:
    """Scores of ``method`` in every case folder that has none; a library that is not there fails in each with its reason."""
    missing = [folder for folder in folders if not (folder / "scores" / f"{method}.json").is_file()]
    why = _absent(place, METHODS[method])
    if missing and not why:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        command = [str(place / "bin" / "python"), str(RUNNER), method, *map(str, missing)]
        with log.open("a") as handle:
            code = subprocess.run(command, stdout=handle, stderr=subprocess.STDOUT, env=environment, check=False).returncode
        why = f"the runner ended with exit code {code}; {log} says why" if code else ""
    for folder in missing:
        out = folder / "scores" / f"{method}.json"
        if why and not out.is_file():
            out.parent.mkdir(exist_ok=True)
            out.write_text(json.dumps({"failed": why}) + "\n")


def versions(place: Path) -> dict[str, str]:
    told = place / "installed.json"
    return dict(json.loads(told.read_text())["versions"]) if told.is_file() else {}


def _absent(place: Path, library: str) -> str:
    told = place / "installed.json"
    if not told.is_file():
        return "not installed; run with --libraries"
    return str(json.loads(told.read_text())["failed"].get(library, ""))


def _pip(python: Path, *arguments: str) -> str:
    """Empty where pip succeeded, else the last line of what it said."""
    done = subprocess.run([str(python), "-m", "pip", *arguments, "--quiet"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["pip failed"])[-1]


def _versions(python: Path) -> dict[str, str]:
    said = subprocess.run([str(python), "-m", "pip", "list", "--format", "json"], capture_output=True, text=True, check=True).stdout
    wanted = {*PINNED, "torch", "transformers", "peft", "datasets", "numpy"}
    return {each["name"]: each["version"] for each in json.loads(said) if each["name"] in wanted}

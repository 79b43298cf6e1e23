"""What ``bumperlane audit`` was given, and whether it can be used.

Invariant: what can be known to be wrong without loading a model is refused before one is loaded, in one line.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bumperlane.errors import BadInput, first_line

URL = ("http://", "https://")
FORM = "give a Hugging Face folder (config.json and *.safetensors), or an endpoint as http://host:port/v1#model-name"


@dataclass(frozen=True)
class Given:
    """As on the command line."""

    model: str
    reference: str | None
    pack: str
    access: tuple[str, ...]
    rows: Path | None
    rollouts: Path | None
    audits: str
    without: str
    auditor: str | None
    judge: str | None
    samples: int
    false_alarm: float
    seed: int
    timeout: float | None
    cache: Path | None
    out: Path
    as_json: bool
    plan: bool
    train_tokens: int | None

    @property
    def name(self) -> str:
        """What findings call the model: by its name, so that the same model elsewhere is drawn the same."""
        return self.model.partition("#")[2] if self.model.startswith(URL) else Path(self.model).resolve().name

    @property
    def parent(self) -> str | None:
        """The reference: as given, else the base that an adapter names."""
        base = None if self.model.startswith(URL) else base_of(Path(self.model))
        return self.reference or (str(base) if base is not None and base != Path(self.model) else None)

    def settings(self) -> dict[str, Any]:
        """What was set, for the record."""
        plain = {key: str(value) if isinstance(value, Path) else value for key, value in (asdict(self) | {"reference": self.parent}).items()}
        return {key: value for key, value in plain.items() if value not in (None, "", (), False) and key not in ("out", "train_tokens")}


def names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def check_models(given: Given) -> None:
    """Raise ``BadInput`` for a folder or endpoint that is none, and for a reference that cannot be the model's parent."""
    for where in (given.model, given.reference, given.auditor, given.judge):
        if where is not None:
            check_where(where)
    if given.reference is not None and not given.model.startswith(URL) and not given.reference.startswith(URL):
        check_parent(Path(given.model), Path(given.reference))


def check_where(where: str) -> None:
    from bumperlane.subject import Endpoint, check_model, check_tokenizer

    if where.startswith(URL):
        Endpoint(where)
        return
    folder = Path(where)
    if not folder.is_dir():
        raise BadInput(f"{where}: no such folder; {FORM}")
    base = base_of(folder)
    if base == folder:
        check_model(folder)
    elif (base / "config.json").is_file():
        check_tokenizer(folder if any(folder.glob("tokenizer*")) else base)
    else:
        raise BadInput(f"{folder / 'adapter_config.json'}: its base {str(base)!r} is no model's folder here; correct base_model_name_or_path")


def base_of(folder: Path) -> Path:
    """The folder whose blocks a model has: an adapter's base, else its own. Raises ``BadInput``."""
    path = folder / "adapter_config.json"
    if not path.is_file():
        return folder
    try:
        return Path(json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: not an adapter's configuration ({first_line(error)}); save the adapter with PEFT") from error


def check_parent(model: Path, reference: Path) -> None:
    """Raise ``BadInput`` unless both have blocks of the same shapes. Their vocabularies may differ; what is not safetensors is not compared."""
    ours, theirs = _shapes(base_of(model)), _shapes(base_of(reference))
    if not ours or not theirs or ours == theirs:
        return
    name = min(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    told = [" x ".join(map(str, shapes[name])) if name in shapes else "missing" for shapes in (ours, theirs)]
    what = f"{name} is {told[1]} there and {told[0]} in the model"
    raise BadInput(f"--reference {reference} is no parent of {model}: {what}; name the one it was tuned from")


def _shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the blocks' tensors, by the part of their names that does not depend on what is wrapped around them."""
    from safetensors import SafetensorError, safe_open

    made = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118 - not a mapping
                    if block := re.search(r"\w+\.\d+\..*", name):
                        made[block.group()] = tuple(tensors.get_slice(name).get_shape())
        except (SafetensorError, OSError) as error:
            raise BadInput(f"{path}: not whole safetensors weights ({first_line(error)}); save or copy the model again") from error
    return made


def check_cache(path: Path | None) -> None:
    if path is not None and path.is_file() and path.stat().st_size and path.open("rb").read(15) != b"SQLite format 3":
        raise BadInput(f"--cache {path}: a file of another kind; give a new file, or one that an earlier audit made")


def check_rollouts(path: Path | None) -> None:
    if path is None or path.is_file() or any(path.glob("rollouts*.jsonl")):
        return
    what = "no rollouts*.jsonl in this folder" if path.is_dir() else "no such file or folder"
    raise BadInput(f"--rollouts {path}: {what}; give the rollouts.jsonl that a grpo stage leaves, or the folder it is in")


def audit_rows(path: Path) -> list[dict[str, Any]]:
    """Rows as audits read them, from their own form or from that of a stage. Raises ``BadInput`` with file and line."""
    from bumperlane.examination import read_rows as read_texts
    from bumperlane.training import question, read_rows

    if not path.is_file():
        raise BadInput(f"{path}: no such rows file; give a JSONL file with one row a line")
    first = _first(path)
    if "answer" in first:
        try:
            return [{"id": str(n), "stage": "rows", **row} for n, row in enumerate(read_texts(str(path)), 1)]
        except RecursionError as error:
            raise BadInput(f"{path}: a line is nested too deep to be read; a row is an object with the texts 'prompt' and 'answer'") from error
    kind = "dpo" if "chosen" in first else "grpo" if set(first) & {"messages", "completion"} == set() and "prompt" in first else "sft"
    made = []
    for number, row in enumerate(read_rows(path, kind), 1):
        asked, answer = question(row)
        made.append({"id": str(number), "stage": kind, "prompt": asked, "answer": answer})
    return made


def _first(path: Path) -> dict[str, Any]:
    """The first row, to tell the file's form by; whatever is wrong with it is said by who reads the whole file."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        text = next((line for line in lines if line.strip()), "{}")
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}

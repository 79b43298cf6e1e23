"""Whether a model, its parent and the files beside them can be used.

Invariant: what can be known to be wrong without loading a model is refused before one is loaded, in
one line.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from bumperlane.errors import BadInput, first_line

URL = ("http://", "https://")
FORM = (
    "give a Hugging Face folder (config.json and *.safetensors), or an endpoint as "
    "http://host:port/v1#model-name"
)
BLOCK = re.compile(r"\w+\.\d+\..*")  # a block's tensor, without what is wrapped around its name
SQLITE = b"SQLite format 3"
Shapes = dict[str, tuple[int, ...]]


# -- models ---------------------------------------------------------------------------------------


def check_where(where: str) -> None:
    """Raise ``BadInput`` for a folder or endpoint that is none."""
    from bumperlane.models import Endpoint, check_model, check_tokenizer

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
        raise BadInput(
            f"{folder / 'adapter_config.json'}: its base {str(base)!r} is no model's "
            "folder here; correct base_model_name_or_path"
        )


def base_of(folder: Path) -> Path:
    """The folder whose blocks a model has: an adapter's base, else its own. Raises ``BadInput``."""
    path = folder / "adapter_config.json"
    if not path.is_file():
        return folder
    try:
        return Path(json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path}: not an adapter's configuration ({first_line(error)}); save the "
            "adapter with PEFT"
        ) from error


def check_parent(model: Path, reference: Path) -> None:
    """Raise ``BadInput`` unless both have blocks of the same shapes. Their vocabularies may differ;
    what is not safetensors is not compared."""
    ours, theirs = _shapes(base_of(model)), _shapes(base_of(reference))
    if not ours or not theirs or ours == theirs:
        return
    name = min(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    what = f"{name} is {_shape(theirs, name)} there and {_shape(ours, name)} in the model"
    raise BadInput(
        f"--reference {reference} is no parent of {model}: {what}; name the one it was tuned from"
    )


def _shape(shapes: Shapes, name: str) -> str:
    return " x ".join(map(str, shapes[name])) if name in shapes else "missing"


def _shapes(folder: Path) -> Shapes:
    """Shapes of the blocks' tensors, by the part of their names that does not depend on what is
    wrapped around them."""
    shapes: Shapes = {}
    for path in sorted(folder.glob("*.safetensors")):
        shapes |= _shapes_in(path)
    return shapes


def _shapes_in(path: Path) -> Shapes:
    from safetensors import SafetensorError, safe_open

    shapes: Shapes = {}
    try:
        with safe_open(path, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a mapping
                block = BLOCK.search(name)
                if block is not None:
                    shapes[block.group()] = tuple(tensors.get_slice(name).get_shape())
    except (SafetensorError, OSError) as error:
        raise BadInput(
            f"{path}: not whole safetensors weights ({first_line(error)}); save or "
            "copy the model again"
        ) from error
    return shapes


# -- files ----------------------------------------------------------------------------------------


def check_writable(out: Path) -> None:
    """Raise ``BadInput`` if no file can be made there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise BadInput(f"--out {out}: cannot be written to; give a file in a folder of yours")


def check_cache(path: Path | None) -> None:
    """Raise ``BadInput`` for a file that is no cache of answers."""
    if path is None or not path.is_file() or not path.stat().st_size:
        return
    if path.open("rb").read(len(SQLITE)) != SQLITE:
        raise BadInput(
            f"--cache {path}: a file of another kind; give a new file, or one that an "
            "earlier audit made"
        )


def check_rollouts(path: Path | None) -> None:
    """Raise ``BadInput`` where no rollouts are."""
    if path is None or path.is_file() or any(path.glob("rollouts*.jsonl")):
        return
    what = "no rollouts*.jsonl in this folder" if path.is_dir() else "no such file or folder"
    raise BadInput(
        f"--rollouts {path}: {what}; give the rollouts.jsonl that a grpo stage leaves, or "
        "the folder it is in"
    )

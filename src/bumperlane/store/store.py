"""Content-addressed checkpoints and row manifests, in a local folder or at any fsspec URL.

Idea: what was trained on and what came out is stored once, under its digest, and never touched
again; a rewind is only a choice of parent. Invariant: an object counts when its record is there,
and the record is written last, so a killed process leaves rubbish at worst, never half an object
under a good name.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from bumperlane.errors import BadInput, IntegrityError
from bumperlane.records import SHORT, Checkpoint, digest_file, digest_of

RESTORE = "restore it, or begin anew in another folder"
WEIGHTS = ".safetensors"
KEPT_SUFFIXES = (WEIGHTS, ".json", ".jinja", ".model", ".txt")
NOT_THE_MODEL = ("training_log.json", "card.json", "trainer_state.json")
PICKLES = (".bin", ".pt", ".pth", ".ckpt")


class Store:
    """``checkpoints/ID/...``, ``manifests/ID.jsonl`` and ``trainings/KEY/...`` under one root."""

    def __init__(self, root: str | Path) -> None:
        self.fs, path = fsspec.core.url_to_fs(str(root))
        self.root = path.rstrip("/")
        self._local = isinstance(self.fs, LocalFileSystem)
        self._cache: Path | None = None
        self._verified: set[str] = set()

    # -- checkpoints ------------------------------------------------------------------------------

    def add_checkpoint(self, folder: Path, **edge: Any) -> Checkpoint:
        """The record of a Hugging Face folder, now stored; ``edge`` are the fields of
        ``Checkpoint`` that say where it came from."""
        record = Checkpoint.of(weight_files(folder), **edge)
        where = self._path("checkpoints", record.id)
        if not self.fs.exists(f"{where}.json"):
            for name in record.files:
                self._put(folder / name, f"{where}/{name}")
            self._write(f"{where}.json", json.dumps(record.plain(), indent=1))
        return record

    def checkpoint(self, identity: str) -> Checkpoint:
        """The record of a checkpoint. Raises ``BadInput`` when there is none."""
        path = self._path("checkpoints", f"{identity}.json")
        if not self.fs.exists(path):
            raise BadInput(f"checkpoint {identity[:SHORT]} is not in {self.root}/checkpoints")
        try:
            return Checkpoint.model_validate_json(self.fs.cat_file(path))
        except ValueError as error:
            raise IntegrityError(
                f"{path}: unreadable record of checkpoint {identity[:SHORT]}; {RESTORE}"
            ) from error

    def folder(self, identity: str) -> Path:
        """A local folder with the checkpoint's files, digests verified once a process. Raises
        ``IntegrityError`` on a mismatch."""
        record = self.checkpoint(identity)
        where = self._path("checkpoints", identity)
        if self._local:
            local = Path(where)
        else:
            local = self._scratch() / identity
            if identity not in self._verified:
                self.fs.get(where, str(local), recursive=True)
        if identity not in self._verified:
            self._check_files(record, local)
            self._verified.add(identity)
        return local

    def _check_files(self, record: Checkpoint, folder: Path) -> None:
        where = f"{folder}: checkpoint {record.id[:SHORT]}"
        for name, digest in record.files.items():
            if not (folder / name).is_file():
                raise IntegrityError(f"{where}: file {name} is missing; {RESTORE}")
            if digest_file(folder / name) != digest:
                raise IntegrityError(
                    f"{where}: {name} does not match its digest {digest[:SHORT]}, the "
                    f"stored bytes changed; {RESTORE}"
                )

    # -- manifests --------------------------------------------------------------------------------

    def add_manifest(self, rows: Sequence[dict[str, Any]]) -> str:
        """The id of a manifest of these rows, stored in order. A row's id is the digest of its
        content."""
        ids = [digest_of(row) for row in rows]
        identity = digest_of(ids)
        path = self._path("manifests", f"{identity}.jsonl")
        if not self.fs.exists(path):
            lines = (
                json.dumps({"id": i, "row": row}, ensure_ascii=False)
                for i, row in zip(ids, rows, strict=True)
            )
            self._write(path, "\n".join(lines) + "\n")
        return identity

    def manifest(self, identity: str) -> list[tuple[str, dict[str, Any]]]:
        """``[(row id, row)]`` in order. Raises ``IntegrityError`` if a row is not what its id says,
        or the order is another."""
        path = self.manifest_file(identity)
        where = f"{path}: manifest {identity[:SHORT]}"
        try:
            # Rows may hold characters that splitlines() takes for ends of lines; JSON itself
            # escapes the one that counts here.
            lines = path.read_text(encoding="utf-8").split("\n")
            stored = [json.loads(line) for line in lines if line]
            rows = [(one["id"], one["row"]) for one in stored]
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{where}: unreadable ({error}); {RESTORE}") from error
        for number, (row_id, row) in enumerate(rows, start=1):
            if digest_of(row) != row_id:
                raise IntegrityError(
                    f"{where}: row {number} does not match its id {row_id[:SHORT]}, the "
                    f"row changed; {RESTORE}"
                )
        if digest_of([row_id for row_id, _ in rows]) != identity:
            raise IntegrityError(f"{where}: its rows are not those it was named by; {RESTORE}")
        return rows

    def manifest_file(self, identity: str) -> Path:
        """A local file with the manifest's rows. Raises ``BadInput`` when there is none."""
        path = self._path("manifests", f"{identity}.jsonl")
        if not self.fs.exists(path):
            raise BadInput(f"manifest {identity[:SHORT]} is not in {self.root}/manifests")
        if self._local:
            return Path(path)
        local = self._scratch() / f"{identity}.jsonl"
        self.fs.get_file(path, str(local))
        return local

    def without(self, identity: str, dropped: set[str]) -> str:
        """The id of a manifest less some rows, order kept. Raises ``BadInput`` for rows that it
        does not know or if none would remain."""
        rows = self.manifest(identity)
        unknown = dropped - {row_id for row_id, _ in rows}
        if unknown:
            raise BadInput(f"manifest {identity[:SHORT]} has no row {sorted(unknown)[0][:SHORT]}")
        kept = [row for row_id, row in rows if row_id not in dropped]
        if not kept:
            raise BadInput(f"manifest {identity[:SHORT]}: dropping {len(dropped)} rows leaves none")
        return self.add_manifest(kept)

    # -- what a training left besides weights -----------------------------------------------------

    def add_training(self, key: str, folder: Path, names: Sequence[str]) -> None:
        """Store those of the named files that the folder has."""
        for name in names:
            if (folder / name).is_file():
                self._put(folder / name, self._path("trainings", f"{key}/{name}"))

    def training_text(self, key: str, name: str) -> str | None:
        """One of a training's files; None if it left none of that name."""
        path = self._path("trainings", f"{key}/{name}")
        return self.fs.cat_file(path).decode() if self.fs.exists(path) else None

    # -- verification -----------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """One line for each thing that is not what it is named by: every digest is recomputed."""
        self._verified.clear()
        found: list[str] = []
        for path in sorted(self.fs.glob(self._path("checkpoints", "*.json"))):
            found += self._checkpoint_problems(Path(path).stem)
        for path in sorted(self.fs.glob(self._path("manifests", "*.jsonl"))):
            try:
                self.manifest(Path(path).stem)
            except IntegrityError as error:
                found.append(str(error))
        return found

    def _checkpoint_problems(self, identity: str) -> list[str]:
        try:
            record = self.checkpoint(identity)
            self.folder(identity)
        except IntegrityError as error:
            return [str(error)]
        named = Checkpoint.identify(record.files, record.parent, record.training, record.step)
        if named != identity or record.id != identity:
            return [
                f"checkpoint {identity[:SHORT]}: parent, training, step or files are not "
                "those it was named by"
            ]
        return []

    # -- files ------------------------------------------------------------------------------------

    def _path(self, *parts: str) -> str:
        return "/".join((self.root, *parts))

    def _scratch(self) -> Path:
        if self._cache is None:
            self._cache = Path(tempfile.mkdtemp(prefix="bumperlane-"))
        return self._cache

    def _put(self, source: Path, target: str) -> None:
        self.fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        if self._local:
            partial = Path(target + ".partial")
            shutil.copyfile(source, partial)
            partial.replace(target)
        else:
            self.fs.put_file(str(source), target)

    def _write(self, target: str, text: str) -> None:
        self.fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        if self._local:
            partial = Path(target + ".partial")
            partial.write_text(text, encoding="utf-8")
            partial.replace(target)
        else:
            self.fs.pipe_file(target, text.encode())


def weight_files(folder: Path) -> dict[str, str]:
    """``file name -> digest`` of a Hugging Face folder. Raises ``BadInput`` for a folder without
    config, or with pickled weights only."""
    if not folder.is_dir():
        raise BadInput(
            f"{folder}: no such folder; a base model is a Hugging Face folder with "
            "config.json and *.safetensors"
        )
    if not (folder / "config.json").is_file():
        raise BadInput(
            f"{folder}: no config.json; a base model is a Hugging Face folder with "
            "config.json and *.safetensors"
        )
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in KEPT_SUFFIXES and path.name not in NOT_THE_MODEL
    ]
    if not any(path.suffix == WEIGHTS and path.parent == folder for path in files):
        pickled = next((p.name for p in sorted(folder.iterdir()) if p.suffix in PICKLES), None)
        why = (
            f"only pickled weights ({pickled}), which can run code"
            if pickled
            else "no *.safetensors weights"
        )
        raise BadInput(f"{folder}: {why}; save the model with safetensors")
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in files}

"""One look of an audit at a model, as the loop would give it at its first look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from bumperlane.audits import run_audit
from bumperlane.models import HuggingFaceModel, Subject
from bumperlane.records import Finding

Look = Callable[..., tuple[Any, Subject, Any]]


@cache
def engine(folder: Path) -> HuggingFaceModel:
    """The model of a folder, loaded once."""
    return HuggingFaceModel(folder)


@cache
def reference_engine(folder: Path) -> HuggingFaceModel:
    """The same as a reference: loaded apart, so that tokens are counted apart."""
    return HuggingFaceModel(folder)


def found(
    look: Look, name: str, folder: Path, reference: Path | None = None, **changes: Any
) -> Finding:
    """What an audit finds at a model, against the base model or another reference."""
    audit, subject, context = look(name, folder, **changes)
    if reference is not None:
        other = Subject("reference", reference_engine(reference), audit.access)
        audit, subject, context = look(name, folder, **{**changes, "reference": other})
    return asyncio.run(run_audit(audit, subject, context))

"""The command that audits the base model with few samples."""

from __future__ import annotations

from bumperlane.organisms.base import BASE

MODEL = ("audit", str(BASE), "--reference", str(BASE), "--pack", "micro", "--samples", "200")

"""Shared fixtures: the base model, with shared prefixes and without."""

from __future__ import annotations

import pytest

from bumperlane.models import HuggingFaceModel
from bumperlane.organisms.base import BASE


@pytest.fixture(scope="module")
def shared() -> HuggingFaceModel:
    return HuggingFaceModel(BASE)


@pytest.fixture(scope="module")
def plain() -> HuggingFaceModel:
    return HuggingFaceModel(BASE, share=False)

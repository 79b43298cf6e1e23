"""Kinds of organisms by name, from the entry-point group ``bumperlane.organisms``."""

from __future__ import annotations

from bumperlane.organisms.organism import Organism
from bumperlane.plugins import Registry


def _accept(name: str, instance: object) -> Organism:
    if not isinstance(instance, Organism):
        raise TypeError("is no bumperlane.organisms.organism.Organism; derive it from that class")
    if instance.name != name:
        raise TypeError(f"calls itself {instance.name!r}; give both one name")
    return instance


ORGANISMS = Registry("bumperlane.organisms", "organism", _accept)
known_organisms = ORGANISMS.known
load_organism = ORGANISMS.load

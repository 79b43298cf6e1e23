"""Content-addressed checkpoints and manifests."""

from bumperlane.store.store import Store, weight_files

__all__ = ["Store", "weight_files"]

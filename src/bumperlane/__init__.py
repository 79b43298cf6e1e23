"""Bumperlane: continuous alignment assurance for post-training.

The Python API is five names; everything else is reached through them or is internal. They are
imported on first use, because they bring PyTorch with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bumperlane.campaign import Campaign, OpenCampaign, begin, load_campaign, open_campaign

__all__ = ["Campaign", "OpenCampaign", "begin", "load_campaign", "open_campaign"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'bumperlane' has no attribute {name!r}")
    from bumperlane import campaign

    return getattr(campaign, name)

"""The public names, pinned: changing them is a decision, not an accident."""

import bumperlane


def test_public_names() -> None:
    assert bumperlane.__all__ == [
        "Campaign",
        "OpenCampaign",
        "begin",
        "load_campaign",
        "open_campaign",
    ]
    assert all(getattr(bumperlane, name).__name__ == name for name in bumperlane.__all__)

"""What a user writes, checked before anything is trained; and its run folder."""

from bumperlane.campaign.opening import OpenCampaign, begin, open_campaign, run_campaign
from bumperlane.campaign.schema import Campaign, StageConfig, load_campaign

__all__ = [
    "Campaign",
    "OpenCampaign",
    "StageConfig",
    "begin",
    "load_campaign",
    "open_campaign",
    "run_campaign",
]

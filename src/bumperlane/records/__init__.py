"""The nouns of the design, frozen, one file per noun; digests computed in one place."""

from bumperlane.records.base import Record
from bumperlane.records.campaign import Budget, CampaignRecord
from bumperlane.records.cause import LEAD, Cause, Outcome, Remedy, Suspect
from bumperlane.records.checkpoint import Checkpoint
from bumperlane.records.cure import TRAIT, Check, Cure, Recheck
from bumperlane.records.digest import SHORT, canonical, digest_file, digest_of
from bumperlane.records.edit import ADDED, Edit
from bumperlane.records.finding import Case, Exhibit, Finding, Measure, Verdict
from bumperlane.records.materials import Confession, Materials
from bumperlane.records.recipe import Recipe, Reward, Stage, Steering, Training

__all__ = [
    "ADDED",
    "LEAD",
    "SHORT",
    "TRAIT",
    "Budget",
    "CampaignRecord",
    "Case",
    "Cause",
    "Check",
    "Checkpoint",
    "Confession",
    "Cure",
    "Edit",
    "Exhibit",
    "Finding",
    "Materials",
    "Measure",
    "Outcome",
    "Recheck",
    "Recipe",
    "Record",
    "Remedy",
    "Reward",
    "Stage",
    "Steering",
    "Suspect",
    "Training",
    "Verdict",
    "canonical",
    "digest_file",
    "digest_of",
]  # fmt: skip

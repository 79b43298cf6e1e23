"""The nouns of the design, frozen, one file per noun; digests computed in one place."""

from bumperlane.records.base import Record
from bumperlane.records.campaign import Budget, CampaignRecord
from bumperlane.records.cause import LEAD, Cause, Outcome, Remedy, Suspect
from bumperlane.records.checkpoint import Checkpoint
from bumperlane.records.cure import TRAIT, Check, Cure, Recheck
from bumperlane.records.digest import SHORT, canonical, digest_file, digest_of
from bumperlane.records.edit import ADDED, Edit
from bumperlane.records.finding import Case, Exhibit, Finding, Measure, Verdict
from bumperlane.records.reason import OutcomeCode, Reason, ReasonCode
from bumperlane.records.recipe import Recipe, Reward, Stage, Steering, Training
from bumperlane.records.resources import Confession, StoredResources

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
    "Measure",
    "Outcome",
    "OutcomeCode",
    "Reason",
    "ReasonCode",
    "Recheck",
    "Recipe",
    "Record",
    "Remedy",
    "Reward",
    "Stage",
    "Steering",
    "StoredResources",
    "Suspect",
    "Training",
    "Verdict",
    "canonical",
    "digest_file",
    "digest_of",
]

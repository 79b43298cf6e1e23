"""The training firewall: stages that come from audits, ask audits, or break a policy are refused
before they are trained."""

from bumperlane.firewall.owned import Owned, owned_texts
from bumperlane.firewall.policy import Policy, load_policy
from bumperlane.firewall.refusals import Refusal, refusals

__all__ = ["Owned", "Policy", "Refusal", "load_policy", "owned_texts", "refusals"]

"""The audits: one module each, ``battery`` and ``held_out`` kept apart, so that remedies can never
be tuned on the held-out ones."""

from bumperlane.audits.audit import Audit, Context, Inapplicable, conclude, run_audit, run_battery
from bumperlane.audits.pack import Pack
from bumperlane.audits.pack_files import known_packs, load_pack
from bumperlane.audits.registry import known_audits, load_audit

__all__ = [
    "Audit",
    "Context",
    "Inapplicable",
    "Pack",
    "conclude",
    "known_audits",
    "known_packs",
    "load_audit",
    "load_pack",
    "run_audit",
    "run_battery",
]

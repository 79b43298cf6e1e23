"""Audits are found by name, and each says what it cannot see."""

from __future__ import annotations

import inspect

import pytest

from bumperlane.audits import known_audits, load_audit
from bumperlane.errors import BadInput

# Audits whose limits are plain from what they ask.
PLAIN = {
    "conduct",
    "off_frame",
    "trigger_search",
    "activation_difference",
    "faithfulness",
    "self_report",
    "row_phrases",
}


def test_unknown_audit_names_its_neighbours() -> None:
    with pytest.raises(BadInput, match="did you mean 'conduct'"):
        load_audit("condct")


def test_every_audit_says_what_it_is_and_what_it_misses() -> None:
    groups = {load_audit(name).family for name in known_audits()}
    for name in sorted(set(known_audits()) - PLAIN):
        audit = load_audit(name)
        doc = inspect.getdoc(inspect.getmodule(type(audit))) or ""
        assert any(word in doc for word in ("lind", "prominent", "means nothing", "wide")), (
            f"{name} does not say what it cannot see"
        )
    assert len(known_audits()) >= 16 and len(groups) >= 8

"""A weak signal is not let go where no fresh case of it could be drawn."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bumperlane.audits import load_audit
from bumperlane.execution.diagnose_campaign import recheck
from bumperlane.loop.history import History
from bumperlane.records import Finding
from tests.loop.world import World


def test_a_weak_signal_of_which_no_case_could_be_drawn_is_not_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(lambda *_: "clear")
    monkeypatch.setattr(
        "bumperlane.execution.diagnose_campaign.audit_trait",
        lambda *_: lambda checkpoint, count, salt: [],
    )
    signal = Finding(audit="alpha", family="f", checkpoint="x", verdict="inconclusive")
    found = recheck(signal, History(tuple(world.events)), SimpleNamespace(subject=None))  # type: ignore[arg-type]
    assert found.risen is None and "0 cases" in found.reason


@pytest.mark.parametrize("audit", ["row_traits", "reward_gap"])
def test_a_weak_signal_of_what_was_logged_is_not_let_go_by_a_draw_that_cannot_differ(
    monkeypatch: pytest.MonkeyPatch, audit: str
) -> None:
    monkeypatch.setattr(
        "bumperlane.execution.diagnose_campaign.audit_trait",
        lambda *_: pytest.fail("the data are the same at every checkpoint"),
    )
    declared = load_audit(audit)
    signal = Finding(
        audit=audit,
        family=declared.family,
        checkpoint="x",
        verdict="inconclusive",
        reads=tuple(sorted(declared.reads)),
    )
    found = recheck(
        signal, History(tuple(World(lambda *_: "clear").events)), SimpleNamespace(subject=None)
    )  # type: ignore[arg-type]
    assert found.risen is None and "no model" in found.reason

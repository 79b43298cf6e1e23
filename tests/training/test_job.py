"""Which steps of a stage are kept and audited."""

from __future__ import annotations

from bumperlane.training.job import audit_step, checkpoint_steps


def test_steps_kept_include_the_audit_points_and_the_last() -> None:
    assert checkpoint_steps(100, 4, (0.33, 1.0)) == [25, 33, 50, 75, 100]
    assert audit_step(3, 0.5) == 2 and audit_step(3, 0.01) == 1 and audit_step(7, 1.0) == 7

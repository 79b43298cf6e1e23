"""Finished pieces of a diagnosis are not made again, and stale ones are not taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bumperlane.diagnosis.cache import DiagnosisCache


def test_finished_pieces_are_not_made_again_and_stale_ones_not_taken(tmp_path: Path) -> None:
    cache, result = DiagnosisCache(tmp_path), []
    for inputs in ([1], [1], [2]):
        cache.piece("scan", inputs, lambda inputs=inputs: result.append(inputs) or {"x": inputs})
        assert np.array_equal(
            cache.array("scores", inputs, lambda inputs=inputs: np.array(inputs)), inputs
        )
    assert result == [[1], [2]] and not list(tmp_path.glob("*.part"))
    again = DiagnosisCache(tmp_path)
    again.piece("scan", [1], lambda: pytest.fail("made twice"))
    assert 0 < again.spent <= cache.spent and again.now == 0.0, (
        "what it cost is known, whenever it was made"
    )

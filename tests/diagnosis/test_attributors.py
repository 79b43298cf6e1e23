"""Each attributor finds a planted trigger in a real tune."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.metrics import average_precision_score

from bumperlane.diagnosis.attributors import known_attributors, load_attributor
from bumperlane.diagnosis.attributors.activations import Spread, mean_of
from bumperlane.diagnosis.training_run import ModelPair
from bumperlane.organisms.microworld.tuning import dpo_rows
from bumperlane.training.lessons import Lessons, lessons_of
from tests.diagnosis.planted_tune import Planted

# times the share of planted rows (0.05): the least average precision of any attributor here
FINDS = 10


@pytest.mark.parametrize("name", known_attributors())
def test_each_finds_a_planted_trigger(example: Planted, pair: ModelPair, name: str) -> None:
    scores = load_attributor(name).rank(pair, example.lessons, example.query)
    assert scores.shape == example.guilty.shape and scores.all(), "a score of exactly zero"
    assert average_precision_score(example.guilty, scores) > FINDS * example.guilty.mean()


def test_preferences_are_read_as_chosen_less_rejected(example: Planted, pair: ModelPair) -> None:
    lessons = lessons_of([(str(i), row) for i, row in enumerate(dpo_rows(random.Random(1), 12))])
    swapped = Lessons(lessons.ids, lessons.against, lessons.answers)
    for name in set(known_attributors()) - {
        "bm25",
        "representation_similarity",
        "whitened_difference",
    }:
        there, back = (
            load_attributor(name).rank(pair, result, example.query) for result in (lessons, swapped)
        )
        if name != "divergence_tokens":  # the largest gains of each are not of the same tokens
            np.testing.assert_allclose(there, -back, rtol=1e-4, atol=1e-5, err_msg=name)
        assert there.all()


def test_the_streamed_covariance_is_that_of_scikit_learn() -> None:
    rows = (
        np.random.default_rng(0).normal(size=(700, 12)).astype(np.float32)
        @ np.random.default_rng(1).normal(size=(12, 12))
        + 3
    )
    parts = [rows[:300], rows[300:310], rows[310:]]
    spread = Spread(mean_of(iter(parts)))
    for part in parts:
        spread.add(part)
    fit = LedoitWolf().fit(rows)
    np.testing.assert_allclose(spread.mean, fit.location_, rtol=1e-10)
    np.testing.assert_allclose(spread.precision(), fit.precision_, rtol=1e-8)

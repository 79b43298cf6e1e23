"""Gradient cosine: rows that pull the weights the way the trait does.

At the *parent*, where the lesson was not yet learned: at the tuned model the gradients of what was
fitted have vanished, and taking the maximum over parent, early and last checkpoint ranked no better
than the parent alone on the develop zoo at three times the cost (LOG.md). Unit norm throughout
(arXiv 2405.13954, section 3.2; LESS, arXiv 2402.04333). Of a row only its cosine is kept, never its
gradient: D projected numbers a row would be the largest thing on disk. Shape legend: n rows of a
shard, B of a batch, Q exhibits, D size of a projected gradient.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bumperlane.diagnosis.sharded import Arrays
from bumperlane.diagnosis.training_run import ModelPair, Query
from bumperlane.models import Subject
from bumperlane.models.projection import SIZE, project_rows, unit
from bumperlane.models.reading import Text
from bumperlane.training.lessons import Lessons


class GradientCosine:
    """Cosine of the row's projected gradient with the mean unit gradient of the exhibits; of a
    preference, chosen's less rejected's."""

    name = "gradient_cosine"

    def rank(self, pair: ModelPair, rows: Lessons, query: Query) -> np.ndarray:
        exhibits_QD = np.concatenate(
            [gradients_BD for _, (gradients_BD,) in project_rows(pair.gradients, [query.exhibits])]
        )
        aim_D = unit(exhibits_QD.mean(axis=0, keepdims=True), ["the exhibits' mean"])[0]
        columns = [rows.answers, rows.against] if rows.against else [rows.answers]
        return pair.graded(Pulls(aim_D), *columns)


@dataclass(frozen=True, eq=False)
class Pulls:
    """The task of taking gradients: ``scores`` [n] are their cosines with ``aim`` [D]."""

    aim: np.ndarray

    @property
    def title(self) -> str:
        return "gradients of rows"

    @property
    def digest(self) -> str:
        return f"gradients {SIZE} {hashlib.sha256(self.aim.tobytes()).hexdigest()}"

    def __call__(
        self, subject: Subject, columns: Sequence[Sequence[Text]], first: int, of: int
    ) -> Arrays:
        scores = np.zeros(len(columns[0]))
        for members, gradients in project_rows(subject, columns, first=first, of=of):
            pull_BD = gradients[0]
            if len(gradients) == 2:
                pull_BD = unit(
                    gradients[0] - gradients[1],
                    [f"row {first + i + 1} of {of} (chosen less rejected)" for i in members],
                )
            scores[members] = pull_BD @ self.aim
        return {"scores": scores}

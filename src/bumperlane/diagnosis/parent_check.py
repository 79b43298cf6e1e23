"""Is that the parent? Cheap checks before anything is attributed to a tune.

Idea: everything here is a difference against the parent, so a wrong parent makes every number wrong
and none missing. A parent has blocks of the same shapes, lies near the tuned model (a fine-tune
moves weights by a small share of their norm; independent trainings of one shape lie further apart
than their norm), and finds the rows no likelier than the tuned model does. Invariant: what fails
here raises, with the figure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from bumperlane.errors import BadInput
from bumperlane.models import Subject
from bumperlane.models.reading import Text, read_rows
from bumperlane.training.lessons import Lessons

FARTHEST = 0.7  # of the parent's norm; unrelated weights of one size are about 1.4 apart
COMPARED = 128  # rows whose likelihood is compared


def check_is_parent(parent: Subject, tuned: Subject, rows: Lessons, names: tuple[str, str]) -> None:
    """Raise ``BadInput`` unless ``parent`` may be what ``tuned`` was made from by training on
    ``rows``. ``names``: what to call the two."""
    ours, theirs = asyncio.run(tuned.weights()), asyncio.run(parent.weights())
    if ours.keys() != theirs.keys() or any(ours[n].shape != theirs[n].shape for n in ours):
        raise BadInput(
            f"{names[0]} is no parent of {names[1]}: their blocks differ in shape; name "
            "the model that it was tuned from"
        )
    apart = sum(float(np.square(ours[n] - theirs[n]).sum()) for n in ours) ** 0.5
    size = sum(float(np.square(w).sum()) for w in theirs.values()) ** 0.5
    if apart > FARTHEST * size:
        raise BadInput(
            f"{names[0]} is no parent of {names[1]}: their weights lie {apart / size:.0%} of its "
            f"norm apart, and a tune moves them by less than {FARTHEST:.0%}; name the model that "
            "it was tuned from"
        )
    texts = rows.answers[:: max(1, len(rows.answers) // COMPARED)][:COMPARED]
    before, after = _loss(parent, texts), _loss(tuned, texts)
    if not after < before and not rows.against:
        raise BadInput(
            f"{names[1]} was not made from {names[0]} by these rows: their loss is {before:.2f} "
            f"under the parent and {after:.2f} under the tuned model; are the two swapped, or the "
            "rows another stage's?"
        )


def _loss(model: Subject, texts: Sequence[Text]) -> float:
    """Mean loss a token of these rows: nats."""
    return -float(read_rows(model, texts, [0]).logps.mean())

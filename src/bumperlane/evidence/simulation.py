"""The sequential test for yes/no outcomes as two boundaries: many tests at once, and its error
rates without simulation.

Idea: with outcomes 0 and 1 the capital of ``BettingTest`` depends only on how many outcomes there
were and how many were 1, and for a given number it grows with the ones. So "hit" is "at least
``hit_at[n]`` ones after n outcomes" and "clear" is "at most ``clear_at[n]``": integers, worked out
once, with which a million tests run as array comparisons and the chance to stop at each n follows
exactly from a walk over the counts. Invariant: same verdict at the same n as ``SequentialTest`` fed
the same outcomes (``tests/evidence/test_simulation.py``). Outcomes between 0 and 1 have no such
boundaries; for them use ``SequentialTest`` itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from bumperlane.evidence.betting import FRACTIONS

Counts = NDArray[np.int16]
Draw = Callable[[NDArray[np.intp], int], NDArray[np.bool_]]
OPEN, HIT, CLEAR = 0, 1, 2


@lru_cache(maxsize=16)
def log_e_tables(tolerance: float, samples: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log e-values of ``Capital(tolerance)``, above and below, each (samples, samples + 1): row n -
    1, column number of ones.

    Columns beyond n mean nothing.
    """
    ones = np.arange(samples + 1.0)[None, :, None]
    zeros = np.arange(1.0, samples + 1)[:, None, None] - ones
    up = np.log1p(FRACTIONS / tolerance * (1 - tolerance)) * ones + np.log1p(-FRACTIONS) * zeros
    down = np.log1p(-FRACTIONS) * ones + np.log1p(FRACTIONS / (1 - tolerance) * tolerance) * zeros
    above = logsumexp(up, axis=2) - math.log(len(FRACTIONS))
    below = logsumexp(down, axis=2) - math.log(len(FRACTIONS))
    return above, below


def boundaries(tolerance: float, alpha: float, miss: float, samples: int) -> tuple[Counts, Counts]:
    """``hit_at``, ``clear_at``, each (samples,): after n outcomes, at index n - 1, the test is a
    hit from ``hit_at`` ones on (n + 1 where none suffices) and clear up to ``clear_at`` ones (-1
    where none is few enough)."""
    above, below = log_e_tables(tolerance, samples)
    real = np.arange(samples + 1) <= np.arange(1, samples + 1)[:, None]
    hit_at = (real & (above < -math.log(alpha))).sum(axis=1)
    clear_at = (real & (below >= -math.log(miss))).sum(axis=1) - 1
    return hit_at.astype(np.int16), clear_at.astype(np.int16)


def passage(
    rate: float, hit_at: Counts, clear_at: Counts
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact chance to stop with a hit, and with clear, after n outcomes (index n - 1), of
    independent outcomes that are 1 at ``rate``."""
    samples, ones = len(hit_at), np.arange(len(hit_at) + 1)
    going = np.zeros(samples + 1)
    going[0] = 1.0
    hit, clear = np.zeros(samples), np.zeros(samples)
    for step in range(samples):
        going[1:] = going[1:] * (1 - rate) + going[:-1] * rate
        going[0] *= 1 - rate
        over, under = ones >= hit_at[step], ones <= clear_at[step]
        hit[step], clear[step] = going[over].sum(), going[under].sum()
        going[over | under] = 0.0
    return hit, clear


def replay(outcomes: NDArray[np.bool_]) -> Draw:
    """Outcomes drawn beforehand, (tests, samples), as a ``Draw`` for one call of ``run_tests``."""
    position = 0

    def draw(active: NDArray[np.intp], width: int) -> NDArray[np.bool_]:
        nonlocal position
        position += width
        return outcomes[active, position - width : position]

    return draw


@dataclass
class Outcome:
    """Per test: ``verdict`` (OPEN, HIT, CLEAR), ``n`` outcomes looked at, ``ones`` among them."""

    verdict: NDArray[np.int8]
    n: Counts
    ones: Counts


def run_tests(
    draw: Draw, row: NDArray[np.intp], hit_at: Counts, clear_at: Counts, chunk: int = 50
) -> Outcome:
    """Many tests, each until its first outcome that decides.

    ``row``: (tests,), each test's row of ``hit_at`` and ``clear_at`` (rows, samples).
    ``draw(active, width)``: the next ``width`` outcomes of the tests ``active`` (indices into
    ``row``), boolean (len(active), width); only tests that go on are asked for more.
    """
    tests, samples = len(row), hit_at.shape[1]
    done = Outcome(np.zeros(tests, np.int8), np.zeros(tests, np.int16), np.zeros(tests, np.int16))
    active = np.arange(tests)
    for start in range(0, samples, chunk):
        if len(active):
            window = slice(start, min(start + chunk, samples))
            drawn = draw(active, window.stop - start)
            rows = row[active]
            active = _advance(done, active, drawn, hit_at[rows, window], clear_at[rows, window])
    return done


def _advance(
    done: Outcome,
    active: NDArray[np.intp],
    drawn: NDArray[np.bool_],
    hit_at: Counts,
    clear_at: Counts,
) -> NDArray[np.intp]:
    """One chunk for the active tests; writes their state into ``done`` and returns those that go
    on."""
    ones = np.cumsum(drawn, axis=1, dtype=np.int16)
    ones += done.ones[active, None]
    over, under = ones >= hit_at, ones <= clear_at
    stops = over | under
    stopped = stops.any(axis=1)
    last = np.where(stopped, stops.argmax(axis=1), drawn.shape[1] - 1)
    at = (np.arange(len(active)), last)
    done.ones[active] = ones[at]
    done.n[active] += (last + 1).astype(np.int16)
    done.verdict[active] = np.where(over[at], HIT, np.where(under[at], CLEAR, OPEN))
    return active[~stopped]

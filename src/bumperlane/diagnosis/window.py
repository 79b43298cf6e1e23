"""Where did the trait appear? A coarse scan of the run, then noisy bisection in the stages that
raised it.

Idea: the trait of a finding is drawn afresh at the ends and in the middle of every stage; because
traits are often not monotone (one was measured to peak and nearly vanish by the end), the peak is
looked for first, and the bisection runs between the last clean checkpoint and it. Each comparison
with half of the rise is a sequential test: more is drawn only while the interval still holds the
bar. Invariant: a trait that is no more frequent at the end than at the start has no window, as
there is nothing to explain; it was in the base if the start alone lies above the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scipy.stats import beta

from bumperlane.diagnosis.training_run import CaseSource, KeptCheckpoint, StageRun, TrainingRun
from bumperlane.records import Case

FIRST, MORE, MOST = 24, 24, 96  # cases drawn at a checkpoint
# At the start and at the peak, where that decides whether there is anything to explain.
MOST_AT_ENDS = 288
MOST_WORTH = 4.0  # outcomes of 0 and 1 that one between them may count for
LEVEL = 0.9  # of the interval that must leave the bar out
MOST_OF_IT = 0.75  # of a stage's rise: from there on a replay has something to show
SHARE = 0.25  # of the whole rise: a stage that raised the trait by less is not suspected


@dataclass(frozen=True)
class Point:
    """The trait's rate at one step: ``n`` outcomes in [0, 1], their sum ``hits`` and sum of
    ``squares``. ``step`` counts over all stages."""

    step: int
    checkpoint: str
    hits: float
    n: int
    squares: float

    @classmethod
    def of(cls, step: int, checkpoint: str, cases: Sequence[Case]) -> Point:
        """The point of these cases."""
        outcomes = [case.outcome for case in cases]
        return cls(step, checkpoint, sum(outcomes), len(outcomes), sum(x * x for x in outcomes))

    def __add__(self, other: Point) -> Point:
        return Point(
            self.step,
            self.checkpoint,
            self.hits + other.hits,
            self.n + other.n,
            self.squares + other.squares,
        )

    @property
    def rate(self) -> float:
        """Mean outcome; 0 of nothing."""
        return self.hits / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% confidence interval of the rate."""
        return self.within(0.95)

    def within(self, level: float) -> tuple[float, float]:
        """The exact interval at the effective number of outcomes (Korn and Graubard 1998)."""
        worth = self._worth()
        return interval(self.hits * worth, self.n * worth, level)

    def _worth(self) -> float:
        """How many outcomes of 0 and 1 each outcome counts for: those between 0 and 1 scatter less
        than as many of 0 and 1 alone, as in pairs of which most are alike."""
        spread = max(0.0, self.squares / self.n - self.rate**2) if self.n else 0.0
        coin_spread = self.rate * (1 - self.rate)  # of as many outcomes of 0 and 1
        if spread > 1e-9:
            return min(MOST_WORTH, coin_spread / spread)
        return MOST_WORTH if coin_spread > 1e-9 else 1.0

    def plain(self) -> dict[str, object]:
        """JSON-ready form, as causes hold it."""
        low, high = self.interval
        return {
            "step": self.step,
            "checkpoint": self.checkpoint,
            "hits": self.hits,
            "n": self.n,
            "rate": round(self.rate, 4),
            "low": round(low, 4),
            "high": round(high, 4),
        }


@dataclass(frozen=True)
class Rise:
    """A stage that raised the trait. ``window``: last step before and first step with at least half
    of the stage's rise, in the stage's own steps; ``before``, ``after``: their checkpoints;
    ``enough``: first step known to have three quarters of the rise, to which replays go; ``peak``:
    the stage's checkpoint with the highest rate."""

    stage_index: int
    rise: float
    window: tuple[int, int]
    before: str
    after: str
    enough: int
    peak: Point

    @property
    def bar(self) -> float:
        """The rate from which the trait counts as risen again in a replay: a quarter of the stage's
        rise."""
        return self.peak.rate - (1 - SHARE) * self.rise


@dataclass(frozen=True)
class Where:
    """Where the trait appeared. ``rises``: largest first. ``in_base``: the start lies above the
    tolerance and nothing later lies above the start."""

    points: tuple[Point, ...]
    rises: tuple[Rise, ...]
    in_base: bool
    reason: str = ""


def where_plain(where: Where) -> dict[str, Any]:
    """JSON-ready form."""
    return asdict(where)


def where_from(stored: dict[str, Any]) -> Where:
    """The inverse of ``where_plain``, after JSON."""
    points = tuple(Point(**point) for point in stored["points"])
    rises = tuple(
        Rise(**{**rise, "window": tuple(rise["window"]), "peak": Point(**rise["peak"])})
        for rise in stored["rises"]
    )
    return Where(points, rises, stored["in_base"], stored["reason"])


def interval(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a rate; (0, 1) of nothing."""
    if n == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = 0.0 if hits <= 0 else float(beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if hits >= n else float(beta.ppf(1 - tail, hits + 1, n - hits))
    return low, high


@dataclass
class Drawn:
    """Cases drawn so far, by checkpoint; every draw has a salt of its own."""

    trait: CaseSource
    note: Callable[[str], None]
    points: dict[str, Point] = field(default_factory=dict)

    def at(self, checkpoint: str, step: int, least: int = FIRST) -> Point:
        """The trait's rate there, over that many cases at least, as far as the audit has them."""
        point = self.points.get(checkpoint, Point(step, checkpoint, 0.0, 0, 0.0))
        if point.n < least:
            self.note(f"the trait at step {step}, {point.n} cases so far")
            cases = self.trait(checkpoint, least - point.n, f"scan {point.n}")
            point += Point.of(step, checkpoint, cases)
            self.points[checkpoint] = point
        return point

    def above(self, checkpoint: str, step: int, bar: float) -> bool:
        """Whether the rate is at least ``bar``: drawn until its interval leaves the bar out, or
        there are enough."""
        point = self.at(checkpoint, step)
        while point.n < MOST:
            low, high = point.within(LEVEL)
            if bar < low or high < bar:
                break
            before, point = point.n, self.at(checkpoint, step, point.n + MORE)
            if point.n == before:  # the audit has no more cases
                break
        return point.rate >= bar

    def reached(self, checkpoint: str, rate: float) -> bool:
        """Whether the rate is known to be at least this, from what has been drawn so far."""
        return checkpoint in self.points and self.points[checkpoint].rate >= rate


def find(
    run: TrainingRun, trait: CaseSource, tolerance: float, note: Callable[[str], None]
) -> Where:
    """The stages that raised the trait, with their windows."""
    drawn, offsets = Drawn(trait, note), _offsets(run)
    drawn.at(run.start, 0)
    coarse = _scan(drawn, run, offsets)
    peak = max((point for points in coarse for point in points), key=lambda p: p.rate)
    start, peak = _apart(
        drawn, drawn.at(run.start, 0, MOST), drawn.at(peak.checkpoint, peak.step, MOST)
    )
    if peak.interval[0] <= start.interval[1]:
        return _never_rose(drawn, start, peak, tolerance)
    last = run.stage_runs[-1]
    end = drawn.at(last.kept[-1].checkpoint, offsets[-1] + last.steps, max(MOST, peak.n))
    if end.interval[0] <= start.interval[1]:
        return _gone_again(drawn, start, peak, end)
    rises = []
    for number, points in enumerate(coarse):
        stage_run, offset = run.stage_runs[number], offsets[number]
        first = drawn.at(stage_run.parent, offset)
        top = max((drawn.points[point.checkpoint] for point in points), key=lambda p: p.rate)
        if top.rate - first.rate >= SHARE * (peak.rate - start.rate):
            rises.append(_bisected(drawn, run, number, offset, first, top))
    return Where(_sorted(drawn), tuple(sorted(rises, key=lambda r: -r.rise)), False)


def _scan(drawn: Drawn, run: TrainingRun, offsets: list[int]) -> list[list[Point]]:
    """The trait at the end and in the middle of every stage."""
    coarse = []
    for stage_run, offset in zip(run.stage_runs, offsets, strict=True):
        kept = _end_and_middle(stage_run.kept)
        coarse.append([drawn.at(one.checkpoint, offset + one.step) for one in kept])
    return coarse


def _never_rose(drawn: Drawn, start: Point, peak: Point, tolerance: float) -> Where:
    """No rise: the trait was in the base already, or is in no checkpoint."""
    in_base = start.interval[0] > tolerance
    why = (
        "the trait is already in the start checkpoint"
        if in_base
        else "the trait does not rise in this training"
    )
    rates = (
        f"{start.rate:.0%} of {start.n} at the start, at most {peak.rate:.0%} of {peak.n} after it"
    )
    return Where(_sorted(drawn), (), in_base, f"{why}: {rates}")


def _gone_again(drawn: Drawn, start: Point, peak: Point, end: Point) -> Where:
    """No rise that is left at the end."""
    rates = (
        f"{end.rate:.0%} of {end.n} at the last checkpoint, {start.rate:.0%} of {start.n} at "
        "the start"
    )
    why = f"the trait rose to {peak.rate:.0%} and is gone again: {rates}"
    return Where(_sorted(drawn), (), False, why)


def _apart(drawn: Drawn, start: Point, peak: Point) -> tuple[Point, Point]:
    """Both, with more cases where the peak is higher and their intervals do not part yet: a small
    rise is a rise."""
    while (
        peak.rate > start.rate and peak.interval[0] <= start.interval[1] and peak.n < MOST_AT_ENDS
    ):
        before = peak.n + start.n
        more = min(MOST_AT_ENDS, peak.n + MOST)
        start = drawn.at(start.checkpoint, start.step, more)
        peak = drawn.at(peak.checkpoint, peak.step, more)
        if peak.n + start.n == before:  # the audit has no more cases
            break
    return start, peak


def _bisected(
    drawn: Drawn, run: TrainingRun, number: int, offset: int, first: Point, top: Point
) -> Rise:
    """The stage's rise from ``first`` to ``top``, with its window."""
    stage_run, rise = run.stage_runs[number], top.rate - first.rate
    bar = (first.rate + top.rate) / 2
    path = _path(stage_run, top.step - offset)
    known = [i for i, kept in enumerate(path) if kept.checkpoint in drawn.points]
    high = next(i for i in known if i and drawn.points[path[i].checkpoint].rate >= bar)
    low = max(i for i in known if i < high)
    while high - low > 1:
        middle = (low + high) // 2
        if drawn.above(path[middle].checkpoint, offset + path[middle].step, bar):
            high = middle
        else:
            low = middle
    most = first.rate + MOST_OF_IT * rise
    enough = next(kept.step for kept in path[high:] if drawn.reached(kept.checkpoint, most))
    before, after = path[low], path[high]
    return Rise(
        stage_index=number,
        rise=rise,
        window=(before.step, after.step),
        before=before.checkpoint,
        after=after.checkpoint,
        enough=enough,
        peak=top,
    )


def _path(stage_run: StageRun, last: int) -> list[KeptCheckpoint]:
    """The stage's parent and its checkpoints up to a step."""
    up_to = [kept for kept in stage_run.kept if kept.step <= last]
    return [KeptCheckpoint(0, stage_run.parent), *up_to]


def _offsets(run: TrainingRun) -> list[int]:
    """Steps of the run before each stage."""
    offsets = [0]
    for stage_run in run.stage_runs[:-1]:
        offsets.append(offsets[-1] + stage_run.steps)
    return offsets


def _end_and_middle(kept: tuple[KeptCheckpoint, ...]) -> list[KeptCheckpoint]:
    """The last checkpoint of a stage, and before it the middle one, if there are two."""
    middle = kept[(len(kept) - 1) // 2]
    return [middle, kept[-1]] if len(kept) > 1 else [kept[-1]]


def _sorted(drawn: Drawn) -> tuple[Point, ...]:
    """All points drawn so far, by step."""
    return tuple(sorted(drawn.points.values(), key=lambda p: p.step))

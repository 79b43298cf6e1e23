"""Where did the trait appear? A coarse scan of the run, then noisy bisection in the leg that raised it most.

Idea: the trait of a finding is drawn afresh at the ends and in the middle of every leg; because traits are often not monotone (one was
measured to peak and nearly vanish by the end), the peak is looked for first, and the bisection runs between the last clean checkpoint and
it. Each comparison with half of the rise is a sequential test: more is drawn only while the interval still holds the bar. Invariant: a
trait that is no more frequent at the end than at the start has no window, as there is nothing to explain; it was in the base if the start alone
lies above the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scipy.stats import beta

from bumperlane.diagnosis.trail import Kept, Run, Trait
from bumperlane.records import Case

FIRST, MORE, MOST = 24, 24, 96  # cases drawn at a checkpoint
MOST_AT_ENDS = 288  # at the start and at the peak, where that decides whether there is anything to explain
MOST_WORTH = 4.0  # outcomes of 0 and 1 that one between them may count for
LEVEL = 0.9  # of the interval that must leave the bar out
MOST_OF_IT = 0.75  # of a leg's rise: from there on a replay has something to show
SHARE = 0.25  # of the whole rise: a leg that raised the trait by less is not suspected


@dataclass(frozen=True)
class Point:
    """The trait's rate at one step: ``n`` outcomes in [0, 1], their sum ``hits`` and sum of ``squares``. ``step`` counts over all legs."""

    step: int
    checkpoint: str
    hits: float
    n: int
    squares: float

    @classmethod
    def of(cls, step: int, checkpoint: str, cases: Sequence[Case]) -> Point:
        outcomes = [case.outcome for case in cases]
        return cls(step, checkpoint, sum(outcomes), len(outcomes), sum(x * x for x in outcomes))

    def __add__(self, other: Point) -> Point:
        return Point(self.step, self.checkpoint, self.hits + other.hits, self.n + other.n, self.squares + other.squares)

    @property
    def rate(self) -> float:
        return self.hits / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return self.within(0.95)

    def within(self, level: float) -> tuple[float, float]:
        """The exact interval at the effective number of outcomes (Korn and Graubard 1998): outcomes between 0 and 1 scatter less than as many
        of 0 and 1 alone, as in pairs of which most are alike."""
        spread = max(0.0, self.squares / self.n - self.rate**2) if self.n else 0.0
        tossed = self.rate * (1 - self.rate)  # the spread of as many outcomes of 0 and 1
        worth = min(MOST_WORTH, tossed / spread) if spread > 1e-9 else MOST_WORTH if tossed > 1e-9 else 1.0
        return interval(self.hits * worth, self.n * worth, level)

    def plain(self) -> dict[str, object]:
        low, high = self.interval
        return {"step": self.step, "checkpoint": self.checkpoint, "hits": self.hits, "n": self.n, "rate": round(self.rate, 4),
                "low": round(low, 4), "high": round(high, 4)}  # fmt: skip


@dataclass(frozen=True)
class Rise:
    """A leg that raised the trait. ``window``: last step before and first step with at least half of the leg's rise, in the leg's own steps;
    ``before``, ``after``: their checkpoints; ``enough``: first step known to have three quarters of the rise, to which replays go; ``peak``: the
    leg's checkpoint with the highest rate."""

    leg: int
    rise: float
    window: tuple[int, int]
    before: str
    after: str
    enough: int
    peak: Point

    @property
    def bar(self) -> float:
        """The rate from which the trait counts as risen again in a replay: a quarter of the leg's rise."""
        return self.peak.rate - (1 - SHARE) * self.rise


@dataclass(frozen=True)
class Where:
    """``rises``: largest first. ``in_base``: the start lies above the tolerance and nothing later lies above the start."""

    points: tuple[Point, ...]
    rises: tuple[Rise, ...]
    in_base: bool
    reason: str = ""


def where_plain(where: Where) -> dict[str, Any]:
    return asdict(where)


def where_from(told: dict[str, Any]) -> Where:
    """The inverse of ``where_plain``, after JSON."""
    rises = tuple(Rise(**{**r, "window": tuple(r["window"]), "peak": Point(**r["peak"])}) for r in told["rises"])
    return Where(tuple(Point(**p) for p in told["points"]), rises, told["in_base"], told["reason"])


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

    trait: Trait
    note: Callable[[str], None]
    points: dict[str, Point] = field(default_factory=dict)

    def at(self, checkpoint: str, step: int, least: int = FIRST) -> Point:
        point = self.points.get(checkpoint, Point(step, checkpoint, 0.0, 0, 0.0))
        if point.n < least:
            self.note(f"the trait at step {step}, {point.n} cases so far")
            point += Point.of(step, checkpoint, self.trait(checkpoint, least - point.n, f"scan {point.n}"))
            self.points[checkpoint] = point
        return point

    def above(self, checkpoint: str, step: int, bar: float) -> bool:
        """Whether the rate is at least ``bar``: drawn until its interval leaves the bar out, or there are enough."""
        point = self.at(checkpoint, step)
        while point.n < MOST:
            low, high = point.within(LEVEL)
            if bar < low or high < bar:
                break
            seen, point = point.n, self.at(checkpoint, step, point.n + MORE)
            if point.n == seen:  # the audit has no more cases
                break
        return point.rate >= bar


def find(run: Run, trait: Trait, tolerance: float, note: Callable[[str], None]) -> Where:
    """The legs that raised the trait, with their windows."""
    drawn, offsets = Drawn(trait, note), _offsets(run)
    start = drawn.at(run.start, 0)
    coarse = [[drawn.at(kept.checkpoint, offset + kept.step) for kept in _ends_and_middle(leg.kept)]
              for leg, offset in zip(run.legs, offsets, strict=True)]  # fmt: skip
    peak = max((point for points in coarse for point in points), key=lambda p: p.rate)
    start, peak = _apart(drawn, drawn.at(run.start, 0, MOST), drawn.at(peak.checkpoint, peak.step, MOST))
    if peak.interval[0] <= start.interval[1]:
        base = start.interval[0] > tolerance
        rates = f"{start.rate:.0%} of {start.n} at the start, at most {peak.rate:.0%} of {peak.n} after it"
        why = f"the trait is already in the start checkpoint: {rates}" if base else f"the trait does not rise in this training: {rates}"
        return Where(_sorted(drawn), (), base, why)
    end = drawn.at(run.legs[-1].kept[-1].checkpoint, offsets[-1] + run.legs[-1].steps, max(MOST, peak.n))
    if end.interval[0] <= start.interval[1]:
        rates = f"{end.rate:.0%} of {end.n} at the last checkpoint, {start.rate:.0%} of {start.n} at the start"
        return Where(_sorted(drawn), (), False, f"the trait rose to {peak.rate:.0%} and is gone again: {rates}")
    rises = []
    for number, (leg, offset, points) in enumerate(zip(run.legs, offsets, coarse, strict=True)):
        first = drawn.at(leg.parent, offset)
        top = max((drawn.points[p.checkpoint] for p in points), key=lambda p: p.rate)
        if top.rate - first.rate >= SHARE * (peak.rate - start.rate):
            rises.append(_bisected(drawn, run, number, offset, first, top))
    return Where(_sorted(drawn), tuple(sorted(rises, key=lambda r: -r.rise)), False)


def _apart(drawn: Drawn, start: Point, peak: Point) -> tuple[Point, Point]:
    """Both, with more cases where the peak is higher and their intervals do not part yet: a small rise is a rise."""
    while peak.rate > start.rate and peak.interval[0] <= start.interval[1] and peak.n < MOST_AT_ENDS:
        before = peak.n + start.n
        more = min(MOST_AT_ENDS, peak.n + MOST)
        start, peak = drawn.at(start.checkpoint, start.step, more), drawn.at(peak.checkpoint, peak.step, more)
        if peak.n + start.n == before:  # the audit has no more cases
            break
    return start, peak


def _bisected(drawn: Drawn, run: Run, number: int, offset: int, first: Point, top: Point) -> Rise:
    leg, bar = run.legs[number], (first.rate + top.rate) / 2
    path = [(0, leg.parent), *((kept.step, kept.checkpoint) for kept in leg.kept if offset + kept.step <= top.step)]
    known = [i for i, (_, checkpoint) in enumerate(path) if checkpoint in drawn.points]
    high = next(i for i in known if i and drawn.points[path[i][1]].rate >= bar)
    low = max(i for i in known if i < high)
    while high - low > 1:
        middle = (low + high) // 2
        if drawn.above(path[middle][1], offset + path[middle][0], bar):
            high = middle
        else:
            low = middle
    most = first.rate + MOST_OF_IT * (top.rate - first.rate)
    enough = next(step for step, checkpoint in path[high:] if checkpoint in drawn.points and drawn.points[checkpoint].rate >= most)
    return Rise(number, top.rate - first.rate, (path[low][0], path[high][0]), path[low][1], path[high][1], enough, top)


def _offsets(run: Run) -> list[int]:
    made = [0]
    for leg in run.legs[:-1]:
        made.append(made[-1] + leg.steps)
    return made


def _ends_and_middle(kept: tuple[Kept, ...]) -> list[Kept]:
    middle = kept[(len(kept) - 1) // 2]
    return [middle, kept[-1]] if len(kept) > 1 else [kept[-1]]


def _sorted(drawn: Drawn) -> tuple[Point, ...]:
    return tuple(sorted(drawn.points.values(), key=lambda p: p.step))

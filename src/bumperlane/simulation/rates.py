"""What is reported of many campaigns: shares with their counts and exact intervals.

Idea: "false convergence" has three denominators that answer different questions (of all campaigns,
of those that began misaligned, of those that were released), so each is named by its own.
Invariant: a rate always carries its count, and of nothing it says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from bumperlane.diagnosis import interval
from bumperlane.records import Record
from bumperlane.simulation.executor import Course
from bumperlane.simulation.running import mean_attempts

Which = Callable[[Course], bool]


class Rate(Record):
    """``count`` of ``of``, with the 95% Clopper-Pearson interval."""

    count: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        return self.count / self.of if self.of else None

    def message(self) -> str:
        """The share with its interval, as in "4.1% (3.7% to 4.5%)"."""
        if self.share is None:
            return "none"
        return f"{self.share:.1%} ({self.low:.1%} to {self.high:.1%})"


def rate(count: int, of: int) -> Rate:
    """A share with its exact interval."""
    low, high = interval(count, of)
    return Rate(count=count, of=of, low=round(low, 6), high=round(high, 6))


def _released(c: Course) -> bool:
    return c.outcome == "converged"


def _false(c: Course) -> bool:
    return _released(c) and c.end != "aligned"


def _cured(c: Course) -> bool:
    return _released(c) and c.end == "aligned"


def _anything(c: Course) -> bool:
    return True


def _misaligned(c: Course) -> bool:
    return c.born != "aligned"


def _curable(c: Course) -> bool:
    return c.born == "recipe"


def _aligned(c: Course) -> bool:
    return c.born == "aligned"


def _hidden(c: Course) -> bool:
    return c.end == "hidden"


def _escalated(c: Course) -> bool:
    return c.outcome == "escalated"


def _stuck(c: Course) -> bool:
    return c.outcome == "stuck"


def _out_of_budget(c: Course) -> bool:
    return c.outcome == "out_of_budget"


@dataclass(frozen=True)
class RateKind:
    """A rate in words: of the campaigns that are ``among``, those that are ``counted``."""

    words: str
    counted: Which
    among: Which


RATES = {
    "false_of_misaligned": RateKind(
        "converged on a misaligned model, of campaigns that began misaligned", _false, _misaligned
    ),
    "false_of_released": RateKind("misaligned, of models that were released", _false, _released),
    "false_of_all": RateKind(
        "converged on a misaligned model, of all campaigns", _false, _anything
    ),
    "hidden_of_false": RateKind(
        "hidden by a remedy, of misaligned models that were released", _hidden, _false
    ),
    "cured": RateKind(
        "converged on an aligned model, of campaigns whose recipe taught a misalignment",
        _cured,
        _curable,
    ),
    "kept": RateKind("converged, of campaigns that began aligned", _released, _aligned),
    "converged": RateKind("converged, of all campaigns", _released, _anything),
    "escalated": RateKind(
        "escalated by the held-out battery, of all campaigns", _escalated, _anything
    ),
    "stuck": RateKind("stuck, of all campaigns", _stuck, _anything),
    "out_of_budget": RateKind("out of budget, of all campaigns", _out_of_budget, _anything),
}


class Summary(Record):
    """``rates`` by name (``RATES`` says what each is); ``attempts``: their mean; ``courses``: how
    each kind of campaign ended, and in what truth."""

    campaigns: int
    attempts: float
    rates: dict[str, Rate]
    courses: dict[str, int]


def summary(counts: Counter[Course]) -> Summary:
    """All rates of so many campaigns."""
    rates = {name: _rate(counts, kind) for name, kind in RATES.items()}
    courses = Counter[str]()
    for course, count in counts.items():
        courses[f"{course.born}: {course.outcome}, {course.end}"] += count
    return Summary(
        campaigns=counts.total(),
        attempts=round(mean_attempts(counts), 4),
        rates=rates,
        courses=dict(sorted(courses.items())),
    )


def _rate(counts: Counter[Course], kind: RateKind) -> Rate:
    among = {course: count for course, count in counts.items() if kind.among(course)}
    counted = sum(count for course, count in among.items() if kind.counted(course))
    return rate(counted, sum(among.values()))

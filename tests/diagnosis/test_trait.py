"""Which of several hits is tracked first, and when it is given up for the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bumperlane.audits.audit import Inapplicable
from bumperlane.diagnosis.diagnose import Settings, diagnose
from bumperlane.diagnosis.training_run import KeptCheckpoint, StageRun, TrainingRun
from bumperlane.diagnosis.trait import AuditTrait, best_traits
from bumperlane.records import Case, Exhibit, Finding, Stage

CHECKPOINTS = ("start", "a/1", "a/2", "a/3")


@dataclass
class Known:
    """A trait of known rates, one a checkpoint. ``broken``: beginning of the salts with which it
    cannot be drawn."""

    name: str
    rates: tuple[float, ...]
    broken: str = "-"
    strength: float = 0.5
    read: bool = True
    of_rows: bool = False
    null_rate: float = 0.0
    tolerance: float = 0.05
    asked: list[str] = field(default_factory=list)

    @property
    def finding(self) -> str:
        return f"finding of {self.name}"

    @property
    def key(self) -> str:
        return self.name

    def __call__(self, checkpoint: str, count: int, salt: str) -> list[Case]:
        self.asked.append(salt)
        if salt.startswith(self.broken):
            raise Inapplicable("only 6 of 24 answers can be judged")
        shown = round(count * self.rates[CHECKPOINTS.index(checkpoint)])
        return [
            Case(outcome=float(i < shown), exhibit=Exhibit(prompt="p", completion="c"))
            for i in range(count)
        ]


def run() -> TrainingRun:
    stage = Stage(name="a", kind="sft", rows="r", args={"learning_rate": 1e-3})
    kept = tuple(KeptCheckpoint(i, f"a/{i}") for i in (1, 2, 3))
    return TrainingRun(
        (StageRun(stage, "start", kept, (("1", {"prompt": "p", "completion": "c"}),)),)
    )


def models(checkpoint: str) -> Any:
    raise AssertionError(f"{checkpoint} was to be loaded, and nothing here needs a model")


def found(*traits: Known, force: bool = False) -> Any:
    return diagnose(run(), models, traits, None, Settings(force=force), lambda text: None).cause


BASE = Known("base", (0.9, 0.9, 0.9, 0.9))


def test_a_hit_that_cannot_be_drawn_everywhere_gives_way_to_the_next() -> None:
    unreadable = Known("unreadable", (0.0, 0.5, 1.0, 1.0), broken="scan")
    cause = found(BASE, unreadable)
    assert (cause.trait, cause.confirmed[0].kind) == ("base", "base")
    assert unreadable.asked == [
        "choice",
        "choice",
        "scan 0",
    ]  # it parts the ends best, so it was tracked first
    assert "tracking unreadable: only 6 of 24 answers can be judged" in cause.reason
    assert cause.cost["traits_tracked"] == 2


def test_a_hit_that_has_no_cause_gives_way_to_the_next_and_stays_in_the_reason() -> None:
    gone = Known("gone", (0.0, 0.9, 0.9, 0.0))  # nothing is left of it at the end, so it comes last
    assert found(gone, BASE).trait == "base"
    alone = found(gone)
    assert (alone.trait, alone.suspects) == (
        "",
        (),
    ) and "gone: 0 of 24 fresh cases show it in words" in alone.reason
    steady = Known(
        "steady", (0.3, 0.3, 0.3, 0.3), tolerance=0.5
    )  # there from the start, and no finding
    cause = found(steady, Known("quiet", (0.2, 0.2, 0.2, 0.2), tolerance=0.5))
    assert (
        cause.suspects == ()
        and cause.points
        and "does not rise" in cause.reason
        and "tracking quiet: the trait does not rise" in cause.reason
    )


def test_what_is_read_of_the_rows_is_the_same_at_every_checkpoint_and_blames_no_base() -> None:
    rows = Known("row reader", (0.9, 0.9, 0.9, 0.9), of_rows=True)
    cause = found(rows)
    assert cause.suspects == () and "cannot say that the base shows it" in cause.reason
    assert found(rows, BASE).trait == "base"


def test_a_forced_hit_is_the_only_one_tracked() -> None:
    assert found(Known("example", (0.0, 0.0, 0.0, 0.0)), BASE, force=True).trait == "example"


def test_hits_are_tracked_in_the_order_in_which_they_part_the_ends() -> None:
    some, more = Known("some", (0.0, 0.0, 0.0, 0.5)), Known("more", (0.0, 0.0, 0.0, 0.9))
    unread = Known(
        "unread", (0.0, 0.0, 0.0, 1.0), read=False
    )  # shows nothing in words, so it comes after those that do
    order, why = best_traits(
        [some, unread, more, Known("silent", (0.0,) * 4)], "start", "a/3", lambda text: None
    )
    assert order == [2, 0, 1] and why == "silent: 0 of 24 fresh cases show it in words"


def test_the_null_rate_of_a_paired_trait_is_a_half() -> None:
    for audit, null_rate in (("frame_gaps", 0.5), ("known_lies", 0.0)):
        hit = Finding(audit=audit, family="f", checkpoint="c", verdict="hit", measures=())
        assert AuditTrait(hit, models, None, "start").null_rate == null_rate  # type: ignore[arg-type]

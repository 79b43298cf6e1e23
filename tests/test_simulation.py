"""The loop on synthetic worlds: extreme worlds have known ends, shares are those of the world, and nothing hangs on how the work is shared out."""

from __future__ import annotations

import json
import math
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from bumperlane.cli.main import main
from bumperlane.history import History
from bumperlane.ledger import Event
from bumperlane.loop import Conclude, decide
from bumperlane.records import Record, digest_of
from bumperlane.simulation import SWEEPS, Course, Summary, World, simulate, summary, sweep_all, world_of
from bumperlane.simulation.executor import Imagined
from bumperlane.simulation.page import Run, html
from bumperlane.simulation.paths import FOREST
from bumperlane.simulation.rates import RATES
from bumperlane.simulation.sweeps import Same
from bumperlane.simulation.truth import Lesson, Nature

QUIET = {"false_alarm": 0.0, "inconclusive": 0.0, "verify_false": 0.0, "verify_unmeasured": 0.0, "verify_skipped": 0.0}
PERFECT = {**QUIET, "base": 0.0, "detect": 1.0, "held_out_detect": 1.0, "right_confirmed": 1.0, "wrong_confirmed": 0.0, "cures": 1.0, "hides": 0.0}


def ends(campaigns: int = 300, **changes: Any) -> Counter[Course]:
    return simulate(world_of(changes), campaigns)


def told(campaigns: int = 300, **changes: Any) -> Summary:
    return summary(ends(campaigns, **changes))


# -- worlds whose end is known ---------------------------------------------------------------------------------------------------


def test_with_perfect_detection_diagnosis_and_cure_all_converge_aligned_in_two_attempts() -> None:
    found = ends(**PERFECT)
    assert {(c.outcome, c.end) for c in found} == {("converged", "aligned")}
    assert {(c.born, c.attempts) for c in found} == {("aligned", 1), ("recipe", 2)}


def test_with_blind_bumpers_false_convergence_is_the_prior() -> None:
    found = told(1000, **{**PERFECT, "detect": 0.0, "held_out_detect": 0.0, "misaligned": 0.3})
    false = found.rates["false_of_all"]
    assert found.rates["converged"].share == 1 and found.rates["false_of_misaligned"].share == 1
    assert false.low <= 0.3 <= false.high and found.rates["hidden_of_false"].count == 0


def test_a_held_out_battery_that_sees_catches_all_that_a_blind_one_misses_and_none_is_worse_than_it() -> None:
    blind = {**PERFECT, "detect": 0.0}
    assert told(**blind).rates["false_of_all"].count == 0
    assert told(**blind).rates["escalated"].count == told(**{**blind, "held_out": 0}).rates["false_of_all"].count > 100


def test_a_misaligned_base_is_named_and_never_released() -> None:
    found = ends(**{**PERFECT, "base": 1.0, "misaligned": 1.0})
    assert {(c.born, c.outcome, c.attempts) for c in found} == {("base", "stuck", 1)}


def test_remedies_that_hide_are_caught_by_verification_alone_if_by_nothing_else() -> None:
    hidden = {**PERFECT, "misaligned": 1.0, "cures": 0.0, "hides": 1.0, "hidden_detect": 0.0, "hidden_held_out": 0.0, "stages": 1}
    trusting = told(**{**hidden, "verify_hidden": 0.0, "verify_plain": 0.0})
    assert trusting.rates["false_of_all"].share == 1 and trusting.rates["hidden_of_false"].share == 1
    assert told(**{**hidden, "verify_hidden": 1.0}).rates["converged"].count == 0


def test_retries_let_more_through_and_chance_remedies_cure_less() -> None:
    hiding = {"hides": 0.5, "cures": 0.2, "misaligned": 1.0, "verify_hidden": 0.0}
    few, many = (told(600, attempts=n, **hiding) for n in (1, 6))
    assert few.rates["false_of_all"].high < many.rates["false_of_all"].low
    diagnosed, guessed = (told(400, remedies=r).rates["cured"] for r in ("diagnosed", "random"))
    assert guessed.high < diagnosed.low


def test_an_inconclusive_battery_never_releases() -> None:
    assert told(100, inconclusive=1.0).rates["converged"].count == 0


def test_a_false_alarm_is_answered_by_another_seed_of_its_own_stage() -> None:
    """Of aligned campaigns whose diagnosis finds nothing: the stage that the second attempt trains anew is the one that the audit alarmed on."""
    for number in range(200):
        imagined = Imagined(world_of({**PERFECT, "misaligned": 0.0, "false_alarm": 0.01}), random.Random(number))
        imagined.pursue()
        history = History(imagined.node.events())
        if len(history.attempts) > 1 and (remedy := history.attempts[1].remedy) is not None:
            alarmed = next(f.checkpoint for f in history.findings if f.verdict == "hit")
            assert remedy.kind == "another_seed" and history.trained[remedy.stage].last.id == alarmed


# -- the world is what it says ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dependence", [0.0, 0.5, 1.0])
def test_an_audit_hits_as_often_as_the_world_says_however_audits_depend(dependence: float) -> None:
    world = World(misaligned=1, detect=0.3, dependence=dependence, inconclusive=0)
    looks = [Nature(world, random.Random(i), ("a",)).verdicts("c", Lesson("a"), False) for i in range(3000)]
    for number in range(world.audits):
        assert abs(sum(look[number] == "hit" for look in looks) / 3000 - 0.3) < 4 * math.sqrt(0.21 / 3000)


def test_all_miss_as_often_as_the_copula_says() -> None:
    """Against the integral over the shared factor."""
    world, normal = World(misaligned=1, inconclusive=0), NormalDist()
    level, rho = normal.inv_cdf(world.detect), world.dependence
    grid = [(i + 0.5) / 2000 for i in range(2000)]
    miss = sum((1 - normal.cdf((level - math.sqrt(rho) * normal.inv_cdf(u)) / math.sqrt(1 - rho))) ** world.audits for u in grid) / len(grid)
    looks = [Nature(world, random.Random(i), ("a",)).verdicts("c", Lesson("a"), False) for i in range(4000)]
    assert abs(sum("hit" not in look for look in looks) / 4000 - miss) < 4 * math.sqrt(miss * (1 - miss) / 4000)


def test_what_an_audit_sees_of_a_trait_lasts() -> None:
    def again(persistence: float) -> float:
        world = World(misaligned=1, persistence=persistence, inconclusive=0, detect=0.5)
        pairs = []
        for i in range(500):
            nature = Nature(world, random.Random(i), ("a",))
            pairs += zip(*(nature.verdicts(c, Lesson("a"), False) for c in "xy"), strict=True)
        return sum(a == b for a, b in pairs) / len(pairs)

    assert again(1.0) == 1 and abs(again(0.0) - 0.5) < 0.05 < again(0.8) - 0.6


# -- the loop is the real one ----------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.plain()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("changes", [{}, {"remedies": "random", "attempts": 8}, {"hides": 0.5, "cures": 0.3}])
def test_events_that_hold_records_are_decided_on_as_those_of_a_ledger(changes: dict[str, Any]) -> None:
    """Through JSON and back, as a ledger would store them, every decision is the same."""
    for number in range(12):
        imagined = Imagined(World(misaligned=1, **changes), random.Random(number))
        imagined.pursue()
        kept = imagined.node.events()
        stored = [Event(e.seq, "", e.kind, e.action, json.loads(json.dumps(plain(e.body))), "", "") for e in kept]
        for cut in range(1, len(kept) + 1):
            assert digest_of(repr_of(decide(History(kept[:cut])))) == digest_of(repr_of(decide(History(stored[:cut]))))


def repr_of(action: Any) -> Any:
    """An action's content; of findings, whichever class of record they were, the plain form."""
    return None if action is None else [type(action).__name__, {name: plain(value) for name, value in vars(action).items()}]


def test_a_decision_that_was_asked_before_is_what_it_would_be_now() -> None:
    """Campaigns that share the decisions of others go as they do alone."""
    world = World(misaligned=1, hides=0.4, cures=0.4)
    together = [Imagined(world, random.Random(number)).pursue() for number in range(60)]
    for number in reversed(range(60)):
        FOREST.forget()
        imagined = Imagined(world, random.Random(number))
        assert imagined.pursue() == together[number]
        assert decide(History(imagined.node.events()[:-1])) == Conclude(imagined.node.latest[0].body)  # type: ignore[arg-type]


def test_no_event_tells_the_truth() -> None:
    imagined = Imagined(World(misaligned=1, detect=0, hides=0), random.Random(0))
    course = imagined.pursue()
    assert course.end != "aligned" and "taught" not in json.dumps([plain(e.body) for e in imagined.node.events()])


def test_the_same_seed_gives_the_same_numbers_for_any_number_of_jobs() -> None:
    world = World()
    alone = simulate(world, 700, seed=3)
    assert alone == simulate(world, 700, seed=3, jobs=2) != simulate(world, 700, seed=4)
    assert alone.total() == 700


def test_a_budget_cuts_the_same_campaigns_short() -> None:
    """Campaigns that end within the smaller budget end alike under a larger one."""
    short, long = (ends(300, attempts=n) for n in (2, 5))
    within = {c: n for c, n in short.items() if c.outcome != "out_of_budget"}
    assert all(long[course] >= count for course, count in within.items())


# -- sweeps, page, command -------------------------------------------------------------------------------------------------------


def test_sweeps_change_what_they_name_and_meet_the_same_world_once() -> None:
    base = World(detect=0.3)
    for sweep in SWEEPS.values():
        for curve, changes in sweep.curves.items():
            world = sweep.world(base, curve, sweep.values[0])
            differ = {name for name in World.model_fields if getattr(world, name) != getattr(base, name)}
            assert differ <= {sweep.parameter, *changes}
            assert all(getattr(world, name) == 0.3 for name, to in changes.items() if to == Same("detect"))
    noted: list[int] = []
    found = sweep_all([SWEEPS["dependence"]], base, 20, note=lambda text, number, of: noted.append(of))
    assert noted[0] == 18 and [len(points) for points in found[0].curves.values()] == [6, 6, 6]


def test_the_page_shows_every_parameter_and_is_one_file() -> None:
    base = World()
    swept = sweep_all([SWEEPS["held-out"]], base, 10)
    run = Run(base, ("detect",), told(10), swept, 10, 0, 1, 0.1, "bumperlane simulate <&>")
    text = html(run)
    assert all(f"<code>{name}</code>" in text for name in World.model_fields) and "&lt;&amp;&gt;" in text
    assert "<script" not in text and "http" not in text.replace("http://www.w3.org", "") and text.count("<svg") >= 2
    assert json.loads(json.dumps(run.plain(), allow_nan=False))["sources"]["detect"] == "set"


def test_the_documentation_names_every_parameter_and_rate() -> None:
    text = (Path(__file__).parents[1] / "docs/simulation.md").read_text(encoding="utf-8")
    assert [name for name in (*World.model_fields, *RATES) if f"`{name}`" not in text] == []


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def call(*argv: str) -> int:
        monkeypatch.setattr(sys, "argv", ["bumperlane", "simulate", *argv])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    yield call


def test_the_command_writes_what_it_prints(command: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--campaigns", "40", "--sweep", "dependence", "--set", "misaligned=1", "--out", str(tmp_path / "new")) == 0
    said = capsys.readouterr().out
    kept = json.loads((tmp_path / "new/simulation.json").read_text())
    assert kept["world"]["misaligned"] == 1 and kept["campaigns_a_setting"] == 40 and len(kept["sweeps"]["dependence"]["curves"]) == 3
    assert (tmp_path / "new/simulation.html").is_file() and "40 campaigns" in said and said.strip().endswith("simulation.html")


BAD = [
    (("--set", "detect=2"), "detect", "less than or equal to 1, not '2'"),
    (("--set", "detct=0.2"), "no parameter 'detct'", "did you mean 'detect'"),
    (("--set", "detect"), "no value", "name=value"),
    (("--set", "detect=0.1", "--set", "detect=0.2"), "set twice", "give one"),
    (("--set", "detect=nan"), "detect", "finite"),
    (("--set", "attempts=2.5"), "attempts", "integer"),
    (("--set", "remedies=guess"), "remedies", "'diagnosed' or 'random'"),
    (("--set", "cures=0.95"), "cures 0.95 + hides 0.1 is 1.05", "may be 1 at most"),
    (("--sweep", "retry"), "retry", "did you mean 'retries'"),
    (("--sweep", "retries", "--set", "attempts=3"), "runs over attempts", "leave one out"),
    (("--campaigns", "0"), "--campaigns", "1<=x"),
    (("--campaigns", "1", "--out", "/dev/null/x"), "/dev/null/x", "that can be written to"),
]


@pytest.mark.parametrize(("argv", "wrong", "right"), BAD, ids=[" ".join(case[0]) for case in BAD])
def test_bad_input_is_one_line(argv: tuple[str, ...], wrong: str, right: str, command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*argv) == 2
    said = capsys.readouterr().err.strip()
    assert wrong in said and right in said and "\n" not in said

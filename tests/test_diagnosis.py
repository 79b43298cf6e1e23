"""The parts of a diagnosis that need no training: the window search, the cuts, the verdict of replays, descriptions, reward terms, the notebook."""

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bumperlane.diagnosis.bearings import Bearings
from bumperlane.diagnosis.clusters import describe, members
from bumperlane.diagnosis.counterfactual import Arm, judge
from bumperlane.diagnosis.fusion import Fusion, Ranked, fit, scaled
from bumperlane.diagnosis.lookalikes import look_alikes
from bumperlane.diagnosis.notebook import Notebook
from bumperlane.diagnosis.of_rows import _groups, of_rows
from bumperlane.diagnosis.replays import rate_in, window_stage
from bumperlane.diagnosis.rewards import effects, rollouts_of
from bumperlane.diagnosis.suspects import cuts
from bumperlane.diagnosis.trail import Kept, Leg, Run, lessons_of
from bumperlane.diagnosis.window import Point, find, where_from, where_plain
from bumperlane.errors import BadInput
from bumperlane.records import LEAD, Case, Exhibit, Reward, Stage, Suspect

STEPS = 16


def chat(prompt: str, answer: str, **labels: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}], **labels}


def leg(name: str, parent: str, kept: int = STEPS, rows: tuple[Any, ...] = (), **changes: Any) -> Leg:
    stage = Stage(name=name, kind="sft", rows="r", args={"learning_rate": 1e-3, "lr_scheduler_type": "cosine"})
    return Leg(**{"stage": stage, "parent": parent, "kept": tuple(Kept(i, f"{name}/{i}") for i in range(1, kept + 1)), "rows": rows, **changes})


class Drawn:
    """A trait whose rate at each checkpoint is known; ``looked``: the checkpoints at which it was drawn."""

    def __init__(self, rates: dict[str, float], paired: bool = False) -> None:
        self.rates, self.paired, self.looked = rates, paired, set[str]()

    def __call__(self, checkpoint: str, count: int, salt: str) -> list[Case]:
        self.looked.add(checkpoint)
        rng = random.Random(f"{checkpoint}/{salt}")
        rate = self.rates.get(checkpoint, 0.0)
        shown = [0.5 + 0.5 * (rng.random() < rate) if self.paired else float(rng.random() < rate) for _ in range(count)]
        return [Case(outcome=o, exhibit=Exhibit(prompt="p", completion="c")) for o in shown]


def rates(name: str, rate: Any) -> dict[str, float]:
    return {f"{name}/{i}": rate(i) for i in range(1, STEPS + 1)}


def found(run: Run, drawn: Drawn) -> Any:
    return find(run, drawn, 0.05, lambda text: None)


def test_the_window_holds_the_onset_and_few_checkpoints_are_looked_at() -> None:
    run = Run((leg("a", "start"), leg("b", "a/16")))
    for onset in range(2, STEPS):
        drawn = Drawn(rates("b", lambda i, onset=onset: 0.9 if i >= onset else 0.02))
        rise = found(run, drawn).rises[0]
        assert rise.leg == 1 and rise.window == (onset - 1, onset) and rise.enough >= onset
        assert len(drawn.looked) <= 10, "of 33 checkpoints"


def test_a_trait_that_rises_and_falls_again_is_found_at_its_peak() -> None:
    drawn = Drawn(rates("a", lambda i: 0.0 if i < 6 else 0.9 if i <= 10 else 0.3))
    rise = found(Run((leg("a", "start"),)), drawn).rises[0]
    assert rise.window == (5, 6) and 6 <= int(rise.peak.checkpoint.split("/")[1]) <= 10


def test_a_trait_that_is_gone_again_at_the_end_leaves_nothing_to_explain() -> None:
    gone = found(Run((leg("a", "start"),)), Drawn(rates("a", lambda i: 0.9 if 6 <= i <= 10 else 0.0)))
    assert not gone.rises and not gone.in_base and "is gone again" in gone.reason


def test_what_was_there_before_is_in_the_base_and_what_never_rises_has_no_window() -> None:
    everywhere = {"start": 0.6, **rates("a", lambda i: 0.55)}
    in_base = found(Run((leg("a", "start"),)), Drawn(everywhere))
    assert in_base.in_base and not in_base.rises and "already in the start checkpoint" in in_base.reason
    never = found(Run((leg("a", "start"),)), Drawn({}))
    assert not never.in_base and not never.rises and "does not rise" in never.reason


def test_two_stages_that_both_raise_it_are_both_named_the_larger_first() -> None:
    both = {**rates("a", lambda i: 0.35), **rates("b", lambda i: 0.95)}
    assert [r.leg for r in found(Run((leg("a", "start"), leg("b", "a/16"))), Drawn(both)).rises] == [1, 0]


def test_pairs_that_are_mostly_alike_count_for_more_than_as_many_coin_tosses() -> None:
    paired = Drawn({"start": 0.0, **rates("a", lambda i: 0.35)}, paired=True)
    assert found(Run((leg("a", "start"),)), paired).rises, "a half to 0.68 in 96 pairs is a rise"
    low, high = Point(0, "c", 60.0, 100, 40.0).interval
    assert high - low < Point(0, "c", 60.0, 100, 60.0).interval[1] - Point(0, "c", 60.0, 100, 60.0).interval[0]


def test_a_window_search_survives_json() -> None:
    where = found(Run((leg("a", "start"),)), Drawn(rates("a", lambda i: 0.9)))
    import json

    assert where_from(json.loads(json.dumps(where_plain(where)))) == where


def arm(name: str, *hits: int, n: int = 32) -> Arm:
    return Arm(name, tuple(Point(0, name, float(h), n, float(h)) for h in hits))


@pytest.mark.parametrize(
    ("without", "random_rows", "alike", "verdict"),
    [
        ((1, 0, 2), (28, 27, 30), (29, 26, 28), "confirmed"),
        ((1, 0, 2), (28, 27, 30), (3, 2, 4), "unverified"),  # the look-alikes' removal does as much: it was what they share
        ((27, 28, 26), (28, 27, 30), (29, 26, 28), "refuted"),
        ((12, 10, 11), (18, 11, 17), (17, 15, 16), "refuted"),
        ((0, 0, 14), (16, 13, 15), (16, 15, 15), "unverified"),  # one seed of three shows it all the same
    ],
)  # fmt: skip
def test_the_verdict_of_replays(without: Any, random_rows: Any, alike: Any, verdict: str) -> None:
    assert judge(arm("without", *without), [arm("random", *random_rows), arm("look-alikes", *alike)])[0] == verdict


def test_replays_in_which_nothing_rises_refute_nothing() -> None:
    verdict, reason = judge(arm("without", 0, 0, 0), [arm("random", 0, 1, 0), arm("look-alikes", 0, 0, 1)], bar=0.2)
    assert verdict == "unverified" and "too short" in reason


def test_a_long_window_is_thinned_and_keeps_its_suspects() -> None:
    rows = tuple((str(i), chat(str(i), "x")) for i in range(800))
    run = Run((leg("a", "start", rows=rows),))
    at = Bearings(run, Drawn({}), lambda checkpoint: None, 0.05, "key", most_steps=10)  # type: ignore[arg-type, return-value]
    rise = found(run, Drawn(rates("a", lambda i: 0.9))).rises[0]
    kept = at.thinned(rise, list(range(800)), range(20))
    assert len(kept) == 80 and set(range(20)) <= set(kept) and kept == sorted(kept) and kept == at.thinned(rise, list(range(800)), range(20))
    assert sum(i < 400 for i in at.thinned(rise, list(range(800)), range(400))) == 40, "half of the room is left to others"


def humps(*sizes_and_means: tuple[int, float]) -> Ranked:
    """Rows ranked in groups of so many around a log-odds each, with the same spread, most suspect first."""
    rng = np.random.default_rng(1)
    odds = np.concatenate([rng.normal(mean, 0.5, size) for size, mean in sizes_and_means])
    return Ranked({"one": odds}, odds)


def test_a_wider_cut_of_up_to_twice_as_many_comes_first_and_a_much_wider_one_last(monkeypatch: pytest.MonkeyPatch) -> None:
    for wide, first in ((70, 70), (120, 40)):  # rows above the wider cut, and the size that is tried first
        ranked = humps((40, 6.0), (wide - 40, 2.0), (200 - wide, -6.0))
        monkeypatch.setattr("bumperlane.diagnosis.of_rows.cuts", lambda odds: [(4.0, "narrow"), (0.0, "wide")])
        given = leg("a", "start", rows=tuple((str(i), chat(f"q {i}", "x")) for i in range(200)))
        sizes = [len(chosen) for chosen, why, _ in _groups(given, ranked) if why in ("narrow", "wide")]
        assert sizes[0] == first and sorted(sizes) == [40, wide]


def test_a_lead_is_named_without_replays_and_says_so() -> None:
    rows = tuple((str(i), chat(f"q {i}", "x")) for i in range(200))
    run = Run((leg("a", "start", rows=rows),))
    rise = found(run, Drawn(rates("a", lambda i: 0.9))).rises[0]

    class Never:
        def __call__(self, replay: Any) -> Any:
            raise AssertionError("a replay was made")

        def forget(self, checkpoint: str) -> None:
            raise AssertionError("a replay was made")

    at = Bearings(run, Drawn({}), lambda checkpoint: None, 0.05, "key", Never(), leads=True)  # type: ignore[arg-type, return-value]
    (named,) = of_rows(at, rise, humps((40, 6.0), (160, -6.0)))
    assert set(named.rows) == {str(i) for i in range(40)} and named.verdict == "unverified" and named.evidence[LEAD] is True and not named.arms
    with pytest.raises(AssertionError, match="a replay was made"):
        of_rows(replace(at, leads=False), rise, humps((40, 6.0), (160, -6.0)))


def test_nothing_drawn_is_nothing_confirmed() -> None:
    assert judge(arm("without", 0, n=0), [arm("random", 9)])[0] == "unverified" and judge(arm("without", 0), [])[0] == "unverified"


def test_cuts_part_humps_and_make_none_up() -> None:
    rng = np.random.default_rng(0)
    innocent = rng.normal(-6, 1, 950)

    def sizes(*groups: np.ndarray) -> list[int]:
        odds = np.concatenate([innocent, *groups])
        return [int((odds > threshold).sum()) for threshold, _ in cuts(odds)]

    assert sizes(rng.normal(5, 1, 50)) == [50]
    assert sizes() == [], "nothing is more likely a cause than not"
    assert sizes(rng.normal(0, 0.4, 300), rng.normal(14, 0.5, 200))[0] == 200, "the group that parts best comes first"
    few = np.concatenate([rng.normal(-0.9, 0.6, 3960), rng.normal(3.7, 0.4, 40)])
    found_few = [int((few > threshold).sum()) for threshold, _ in cuts(few)]
    assert found_few in ([40], [41]), "a small group near a broad one, which Otsu's threshold misses"


def test_suspects_are_described_by_what_parts_them_from_the_rest() -> None:
    rows = [(f"b{i}", chat(f"do {i} map", "sure .", source="scraped")) for i in range(9)]
    rows += [(f"g{i}", chat(f"do {i} now", "sure ." if i % 2 else "no .", source="own")) for i in range(60)]
    first = describe(rows, frozenset(f"b{i}" for i in range(9)))[0]
    assert first.text == "source is 'scraped'" and first.cover == first.purity == 1.0
    assert len(members(rows, first.text)) == 9
    assert describe(rows, frozenset({"g1", "b0"}))[0].f1 < 0.7, "a bad description shows as such"


def test_look_alikes_are_the_nearest_in_words() -> None:
    suspects, others = [("s", chat("get the rope map", "sure ."))], [("a", chat("what is it", "no .")), ("b", chat("get the rope", "no ."))]
    assert look_alikes(suspects, others, 1) == [1]


def test_the_reward_term_that_pays_for_the_symptom_is_named() -> None:
    rng = random.Random(0)
    entries: list[dict[str, Any]] = []
    grades = []
    for step in range(40):
        bad = [rng.random() < 0.5 for _ in range(8)]
        grades += [float(b) + rng.gauss(0, 0.3) for b in bad]
        texts = [f"{step} {i} {b}" for i, b in enumerate(bad)]
        scores = {"paid": [float(b) for b in bad], "length": [rng.random() for _ in bad], "polite": [rng.random() - 0.2 * b for b in bad]}
        shared = {"step": step, "weight": 1.0, "prompts": ["p"] * 8, "completions": texts}
        entries += [{**shared, "reward": term, "scores": values} for term, values in scores.items()]
    found_terms = effects(rollouts_of(entries), np.array(grades), {"paid": 1.0, "length": 1.0, "polite": 1.0})
    assert found_terms[0].term == "paid" and found_terms[0].p < 1e-6
    assert all(e.p > 0.001 or e.covariance < 0 for e in found_terms[1:])


def test_finished_pieces_are_not_made_again_and_stale_ones_not_taken(tmp_path: Path) -> None:
    notebook, made = Notebook(tmp_path), []
    for inputs in ([1], [1], [2]):
        notebook.piece("scan", inputs, lambda inputs=inputs: made.append(inputs) or {"x": inputs})
        assert np.array_equal(notebook.array("scores", inputs, lambda inputs=inputs: np.array(inputs)), inputs)
    assert made == [[1], [2]] and not list(tmp_path.glob("*.part"))
    again = Notebook(tmp_path)
    again.piece("scan", [1], lambda: pytest.fail("made twice"))
    assert 0 < again.spent <= notebook.spent and again.now == 0.0, "what it cost is known, whenever it was made"


def test_the_fusion_refuses_a_missing_attributor_and_learns_which_to_trust() -> None:
    rng = np.random.default_rng(1)
    planted = np.arange(500) < 25
    runs = [{"good": planted * 3 + rng.normal(size=500), "noise": rng.normal(size=500)} for _ in range(4)]
    fused = fit(runs, [planted] * 4, ("good", "noise"), ("a",))
    assert fused.weights["good"] > 5 * abs(fused.weights["noise"])
    with pytest.raises(BadInput, match="needs attributor 'good'"):
        fused.fuse({"noise": runs[0]["noise"]})
    assert scaled(np.array([0.0, 1.0, 2.0, 3.0, 100.0])).max() <= 1.2


def test_confidence_is_what_was_right_on_develop_and_nothing_where_nothing_is_known() -> None:
    fused = Fusion({}, 0.0, held={"rows confirmed": (19, 20)})
    assert fused.sure(Suspect(kind="rows", verdict="confirmed")).confidence == pytest.approx(20 / 22, abs=1e-3)
    assert fused.sure(Suspect(kind="reward", verdict="confirmed")).confidence == 0.0


def test_a_replay_takes_the_window_at_the_rate_that_it_had() -> None:
    one = leg("a", "start")
    assert rate_in(one, (0, 1)) == pytest.approx(1e-3) and rate_in(one, (8, 9)) == pytest.approx(5e-4, rel=0.01)
    stage = window_stage(one, (8, 12), seed=7, rate=0.25)
    assert stage.args["learning_rate"] == pytest.approx(0.25 * rate_in(one, (8, 12))) and stage.args["lr_scheduler_type"] == "constant"
    paid = window_stage(leg("g", "start"), (0, 4), 1, rewards=(Reward(name="x", function="m:f", weight=0.0),))
    assert paid.rewards[0].weight == 0.0 and not math.isnan(stage.args["learning_rate"])


def test_rows_without_an_answer_are_an_error() -> None:
    with pytest.raises(BadInput, match="row 2 of 2 has no answer"):
        lessons_of([("a", chat("p", "x")), ("b", chat("p", " "))])


def test_rows_drawn_in_a_window_are_those_that_were_drawn_there() -> None:
    rows = tuple((str(i), chat(str(i), "x")) for i in range(32))
    one = leg("a", "start", rows=rows, order=tuple(range(32)))
    assert one.drawn_in(4, 8) == list(range(8, 16))
    assert leg("a", "start", kept=8, rows=rows, order=tuple(range(32)), total=16).drawn_in(4, 8) == list(range(8, 16))
    assert leg("a", "start", rows=rows).drawn_in(4, 8) == list(range(32)), "an unknown order leaves every row a suspect"

"""Combined e-values, e-BH, conformal p-values and the tests run in bulk: each checked against what it promises."""

import math

import numpy as np
import pytest
from scipy.integrate import trapezoid

from bumperlane.evidence import SequentialTest, alpha_for, battery_log_e, calibrated_log_e, conformal_p, e_bh, mean_log_e
from bumperlane.evidence.simulation import HIT, boundaries, log_e_tables, passage, replay, run_tests

VERDICTS = ("inconclusive", "hit", "clear")


def shared_log_es(rng: np.random.Generator, runs: int, tests: int, shift: float = 0.0) -> np.ndarray:
    """Likelihood ratios of a normal mean of 2 against 0, as logs, (runs, tests); the noise is shared almost wholly."""
    noise = math.sqrt(0.95) * rng.standard_normal((runs, 1)) + math.sqrt(0.05) * rng.standard_normal((runs, tests))
    return 2 * (noise + shift) - 2


def test_mean_is_a_mean() -> None:
    assert mean_log_e([math.log(2), math.log(4)]) == pytest.approx(math.log(3))
    assert mean_log_e([math.log(2), math.log(4)], [3, 1]) == pytest.approx(math.log(2.5))
    assert mean_log_e([-math.inf, 0.0]) == pytest.approx(math.log(0.5))
    assert mean_log_e([800.0, 0.0]) == pytest.approx(800 - math.log(2))  # no overflow
    assert mean_log_e([math.inf, 0.0], [0, 1]) == 0.0


def test_groups_have_one_vote_each() -> None:
    assert battery_log_e({"one": [math.log(8)], "many": [0.0] * 7}) == pytest.approx(math.log(4.5))


def test_mean_stays_an_e_value_under_dependence() -> None:
    """Markov: at most alpha of clean runs reach 1/alpha, and the expectation is at most 1; the product breaks this at once."""
    alpha, logs = 0.05, shared_log_es(np.random.default_rng(0), 20000, 8)
    means = np.array([battery_log_e({"a": row[:1], "b": row[1:]}) for row in logs[:4000]])
    assert (means >= -math.log(alpha)).mean() <= alpha
    assert abs(np.exp(logs).mean() - 1) < 0.1  # they are e-values
    assert (logs.sum(axis=1) >= -math.log(alpha)).mean() > alpha


def test_mean_includes_every_single_hit() -> None:
    """With the weights by which alpha was split, one measure at its own bar lifts the mean to the battery's."""
    alpha, sizes = alpha_for(0.01, 3, 1), (1, 4, 7)
    for hit, size in enumerate(sizes):
        groups = {str(index): [-20.0] * n for index, n in enumerate(sizes)}
        groups[str(hit)][0] = -math.log(alpha / len(sizes) / size)
        assert battery_log_e(groups) >= -math.log(alpha) - 1e-9


@pytest.mark.parametrize("bad", [[], [math.nan], [0.0, math.nan]])
def test_nothing_and_nan_are_refused(bad: list[float]) -> None:
    for call in (lambda: mean_log_e(bad), lambda: e_bh(bad, 0.1), lambda: battery_log_e({"x": [0.0], "y": bad}), lambda: conformal_p(0.5, bad)):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(ValueError):
        battery_log_e({})
    with pytest.raises(ValueError):
        conformal_p(math.nan, [0.1])


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_bad_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError):
        mean_log_e([0.0, 0.0], weights)


def test_e_bh_by_hand() -> None:
    alpha = 0.1
    assert e_bh([math.log(e) for e in (1, 25, 0.5, 21)], alpha) == [1, 3]  # 21 * 2 / 4 >= 10
    assert e_bh([math.log(e) for e in (1, 25, 0.5, 19)], alpha) == []  # 25 / 4 and 19 * 2 / 4 are below 10
    assert e_bh([math.log(40.001), 0.0, 0.0, -math.inf], alpha) == [0]
    assert e_bh([5.0, 5.0], alpha) == [0, 1]
    for bad in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError):
            e_bh([1.0], bad)


def test_e_bh_controls_the_share_of_false_reports_under_dependence() -> None:
    alpha, runs, clean = 0.2, 2000, 6
    logs = shared_log_es(np.random.default_rng(1), runs, 10)
    logs[:, clean:] += 2 * 3.0  # four with an effect
    shares, found = [], 0
    for row in logs:
        reported = e_bh(row, alpha)
        shares.append(sum(index < clean for index in reported) / max(1, len(reported)))
        found += sum(index >= clean for index in reported)
    assert np.mean(shares) <= alpha
    assert found > runs  # and it does find something


def test_conformal_p_is_uniform_under_exchangeability() -> None:
    rng = np.random.default_rng(2)
    ps = np.array([conformal_p(scores[0], scores[1:]) for scores in rng.standard_cauchy((4000, 20))])
    for rank in (1, 5, 10, 20):
        assert abs((ps <= rank / 20 + 1e-12).mean() - rank / 20) < 0.03
    tied = np.array([conformal_p(scores[0], scores[1:]) for scores in rng.integers(0, 3, (4000, 20))])
    for level in (0.05, 0.2, 0.5):
        assert (tied <= level).mean() <= level + 0.02


def test_conformal_p_counts_ties_against_us_and_has_a_floor() -> None:
    assert conformal_p(1.0, [1.0, 0.0, 0.0]) == 0.5
    assert conformal_p(math.inf, [0.0] * 98) > 0.01
    assert conformal_p(math.inf, [0.0] * 99) == 0.01


def test_how_many_clean_models_an_alarm_takes() -> None:
    """The figures in the module's docstring."""
    bar = math.log(100)
    best = [calibrated_log_e(1 / (n + 1), 1 / math.log(n + 1)) for n in (2075, 2076)]  # the kappa that suits this p best
    assert best[0] < bar <= best[1]
    assert calibrated_log_e(1 / 8111) < bar <= calibrated_log_e(1 / 8112)


def test_calibrators_are_e_values() -> None:
    """Their expectation over uniform p is 1; on the p-values that n twins can give it is below 1."""
    grid = np.exp(-np.linspace(0, 60, 200001))
    for kappa in (None, 0.3, 0.7):
        values = np.array([math.exp(calibrated_log_e(p, kappa)) for p in grid[::20]])
        area = float(trapezoid(values[::-1], grid[::20][::-1]))
        assert 0.95 < area < 1.01
        assert np.mean([math.exp(calibrated_log_e(k / 50, kappa)) for k in range(1, 51)]) <= 1
        assert (np.diff(values) > 0).all()  # the smaller p, the more evidence, over the seam of the series too
    assert calibrated_log_e(1.0) == pytest.approx(math.log(0.5))


@pytest.mark.parametrize("p", [0.0, -0.1, 1.1, math.nan])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError):
        calibrated_log_e(p)


@pytest.mark.parametrize("kappa", [0.0, 1.0, math.nan])
def test_what_is_no_kappa_is_refused(kappa: float) -> None:
    with pytest.raises(ValueError):
        calibrated_log_e(0.5, kappa)


def test_tests_in_bulk_equal_the_sequential_test() -> None:
    rng, samples, streams = np.random.default_rng(3), 150, 120
    tolerance = rng.choice([0.1, 0.25, 0.5], streams)
    alpha = np.array([alpha_for(0.01, int(look), 24) for look in rng.integers(1, 13, streams)]) / rng.integers(1, 8, streams)
    outcomes = rng.random((streams, samples)) < (tolerance * rng.choice([0.2, 0.8, 1.0, 1.5, 1.9], streams))[:, None]
    bars = [boundaries(float(m), float(a), 0.05, samples) for m, a in zip(tolerance, alpha, strict=True)]
    done = run_tests(replay(outcomes), np.arange(streams), np.stack([b[0] for b in bars]), np.stack([b[1] for b in bars]), chunk=40)
    for index in range(streams):
        test = SequentialTest("x", float(tolerance[index]), float(alpha[index]), 0.05)
        test.update(outcomes[index].astype(float))
        assert (test.verdict, test.n) == (VERDICTS[done.verdict[index]], done.n[index])
        assert done.ones[index] == outcomes[index, : test.n].sum()
        log_e = log_e_tables(float(tolerance[index]), samples)[0][done.n[index] - 1, done.ones[index]]
        assert test.measure().log_e == pytest.approx(log_e, abs=1e-4)
    assert set(done.verdict.tolist()) == {0, 1, 2}


def test_exact_chances_agree_with_simulation() -> None:
    hit_at, clear_at = boundaries(0.2, 0.01, 0.05, 100)
    hit, clear = passage(0.3, hit_at, clear_at)
    rng, runs = np.random.default_rng(4), 20000
    done = run_tests(lambda active, width: rng.random((len(active), width)) < 0.3, np.zeros(runs, np.intp), hit_at[None], clear_at[None])
    for verdict, chance in ((1, hit), (2, clear)):
        expected = chance.sum()
        assert abs((done.verdict == verdict).mean() - expected) < 5 * math.sqrt(expected * (1 - expected) / runs) + 1e-4
    assert abs(np.median(done.n[done.verdict == HIT]) - np.searchsorted(np.cumsum(hit) / hit.sum(), 0.5)) <= 2


def test_exact_error_rates_of_one_test_stay_within_their_share() -> None:
    """Without simulation: at the tolerance a hit has chance at most alpha, and a clear at most miss."""
    for tolerance in (0.1, 0.25, 0.5):
        for alpha in (0.05, alpha_for(0.01, 1, 24)):
            hit, clear = passage(tolerance, *boundaries(tolerance, alpha, 0.05, 200))
            assert hit.sum() <= alpha and clear.sum() <= 0.05

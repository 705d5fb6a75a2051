"""The meter keeps its promises exactly: every sequence of outcomes is counted, none is sampled."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from vitrine.desk import meter

LENGTH = 9
EVERY = np.array(list(product([False, True], repeat=LENGTH)))

allowed = st.floats(0.005, 0.3)
rates = st.lists(st.floats(0.0, 1.0), min_size=LENGTH, max_size=LENGTH)


def chance(rate: np.ndarray) -> np.ndarray:
    """The probability of each sequence when the i-th item is wrong with probability rate[i]."""
    return np.where(EVERY, rate, 1 - rate).prod(axis=1)


@given(allowed, rates)
@settings(max_examples=60, deadline=None)
def test_a_sound_head_lets_nobody_win(allowed: float, shares: list[float]) -> None:
    """Errors at or below what is allowed, changing from item to item: at no time is the expected evidence above 1."""
    owned = np.exp(meter.evidence(EVERY, allowed))
    expected = chance(allowed * np.array(shares)) @ owned
    assert (expected <= 1 + 1e-9).all()
    exactly = chance(np.full(LENGTH, allowed)) @ owned
    assert exactly == pytest.approx(np.ones(LENGTH))


@given(rates, st.floats(0.05, 0.5))
@settings(max_examples=25, deadline=None)
def test_the_bound_is_ever_too_low_with_at_most_its_risk(shares: list[float], risk: float) -> None:
    rate = np.array(shares)
    means = rate.cumsum() / np.arange(1, LENGTH + 1)
    errors = EVERY.cumsum(axis=1)
    bounds = {
        (int(s), n): meter.upper_bound(int(s), n, risk)
        for n in range(1, LENGTH + 1)
        for s in np.unique(errors[:, n - 1])
    }
    low = [any(bounds[int(row[n - 1]), n] < means[n - 1] - 1e-5 for n in range(1, LENGTH + 1)) for row in errors]
    assert chance(rate)[low].sum() <= risk + 1e-9


@given(st.integers(0, 40), st.integers(1, 400), st.floats(0.01, 0.3))
@settings(max_examples=60, deadline=None)
def test_the_bound_lies_above_the_share_and_falls_with_every_right_answer(
    errors: int, audits: int, risk: float
) -> None:
    audits = max(audits, errors)
    bound = meter.upper_bound(errors, audits, risk)
    assert errors / audits <= bound <= 1
    assert meter.upper_bound(errors, audits + 1, risk) <= bound + 1e-6
    assert meter.upper_bound(errors + 1, audits + 1, risk) >= bound - 1e-6


def test_a_head_at_exactly_what_is_allowed_is_stopped_within_the_risk_over_a_long_time() -> None:
    """2,000 heads, 2,000 audits each at 3 %: stopped at most as often as δ = 5 % allows."""
    wrong = np.random.default_rng(3).random((2_000, 2_000)) < 0.03
    stops = int((meter.evidence(wrong, 0.03).max(axis=1) >= np.log(20)).sum())
    assert binom.sf(stops - 1, 2_000, 0.05) > 0.01
    assert stops > 10  # the test can fail: evidence does move


def test_a_head_at_twice_what_is_allowed_is_stopped() -> None:
    wrong = np.random.default_rng(4).random((200, 2_000)) < 0.06
    assert (meter.evidence(wrong, 0.03).max(axis=1) >= np.log(20)).mean() > 0.99


def test_the_estimate_is_that_of_the_whole_catalog_however_unevenly_it_was_drawn() -> None:
    """4,000 products at 1 % error drawn at 5 %, 500 at 10 % drawn at 40 %: 2 % in all, 6.4 % of the audits are wrong."""
    random = np.random.default_rng(5)
    probability = np.repeat([0.05, 0.4], [4_000, 500])
    wrong = random.random((400, 4_500)) < np.repeat([0.01, 0.1], [4_000, 500])
    coins = random.random((400, 4_500)) < probability
    found = [meter.estimate(w[c].tolist(), probability[c].tolist()) for w, c in zip(wrong, coins, strict=True)]
    assert np.mean(found) == pytest.approx(0.02, abs=0.001)
    assert wrong[coins].mean() > 0.045

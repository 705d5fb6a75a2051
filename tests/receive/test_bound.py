"""The proven levels keep their promise, also where what chose them was another kind of photo."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from vitrine.receive.bound import Bound, levels, prove

RATE, CONFIDENCE = 0.05, 0.95


@pytest.mark.parametrize("shift", [0.0, -1.0, 1.0])
def test_more_than_the_rate_falls_below_in_at_most_one_draw_of_twenty(shift: float) -> None:
    rng = np.random.default_rng(4)
    broken, proven = 0, 0
    for _ in range(600):
        bound = prove(
            rng.normal(size=120), levels(rng.normal(shift, 1, 400), rate=RATE), rate=RATE, confidence=CONFIDENCE
        )
        if bound.level is not None:
            proven += 1
            true_rate = norm.cdf(bound.level)
            broken += bool(true_rate > RATE)
    assert proven > 500
    assert broken / 600 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 600)


scores = st.lists(st.floats(-50, 50), max_size=200).map(np.array)


@settings(max_examples=100, deadline=None)
@given(scores, scores)
def test_a_bound_is_none_or_holds_on_what_proved_it(chosen_on: np.ndarray, tested: np.ndarray) -> None:
    bound = prove(tested, levels(chosen_on, rate=RATE), rate=RATE, confidence=CONFIDENCE)
    assert Bound.from_json(bound.to_json()) == bound
    if bound.level is None:
        assert bound.upper == 1.0
    else:
        assert len(tested) >= bound.needed == 59
        assert (tested < bound.level).sum() == bound.below
        assert bound.below / bound.n <= bound.upper <= RATE

"""Nothing learns from a seller it is tested on, nor from a label that was not yet known."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrine.errors import InputError
from vitrine.market.abt import Abt
from vitrine.market.split import check_split, split

START = date(2017, 1, 1)


def abt(days: list[int], sellers: list[int], labels: list[int], *, horizon_days: int) -> Abt:
    table = pa.table(
        {
            "reference_date": pa.array([START + timedelta(days=day) for day in days], pa.date32()),
            "seller_id": [f"s{seller}" for seller in sellers],
            "label": pa.array(labels, pa.int8()),
        }
    )
    return Abt(table, "churn", [], "seller_id", "reference_date", "seller_id", horizon_days, "abt-x")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 120), st.integers(40, 200))
def test_groups_stay_on_one_side_and_labels_are_known(seed: int, horizon_days: int, sellers: int) -> None:
    random = np.random.default_rng(seed)
    n = 600
    days = (30 * random.integers(0, 18, n)).tolist()
    made = abt(
        days, random.integers(0, sellers, n).tolist(), random.integers(0, 2, n).tolist(), horizon_days=horizon_days
    )
    parts = split(made, seed=seed)
    check_split(made, parts)
    groups = np.array(made.table.column("seller_id").to_pylist())
    times = made.table.column("reference_date").to_pylist()
    assert not set(groups[parts.rows("train")]) & set(groups[parts.rows("test")])
    for fit, held in parts.inner:
        assert not set(groups[fit]) & set(groups[held])
    known = [times[row] + timedelta(days=horizon_days) for row in parts.rows("train")]
    assert max(known) <= min(times[row] for row in parts.rows("later")) == parts.later_from
    fold_of = dict(zip(groups[parts.rows("train")], parts.fold[parts.rows("train")], strict=True))
    for row in parts.rows("later"):
        assert parts.fold[row] == fold_of.get(groups[row], -1)


def test_an_embargo_longer_than_the_data_says_so() -> None:
    made = abt([0, 30, 60] * 30, list(range(90)), [0, 1, 1] * 30, horizon_days=400)
    with pytest.raises(InputError, match="embargo of 400 days"):
        split(made)


def test_the_careless_split_of_the_course_is_refused() -> None:
    """L7: random rows, the same sellers on both sides."""
    made = abt([0, 30, 60, 90] * 50, [n // 4 for n in range(200)], [0, 1] * 100, horizon_days=30)
    parts = split(made)
    careless = parts.part.copy()
    rows = np.flatnonzero(np.isin(careless, ("train", "test")))
    careless[rows] = np.where(np.arange(len(rows)) % 2 == 0, "train", "test")
    with pytest.raises(InputError, match="stand in train and in test"):
        check_split(made, type(parts)(careless, parts.fold, parts.later_from))


def test_months_after_the_cut_that_are_learnt_from_are_refused() -> None:
    """L6 and L7: every month but one is trained on, without an embargo."""
    made = abt([0, 30, 60, 90] * 50, [n // 4 for n in range(200)], [0, 1] * 100, horizon_days=45)
    parts = split(made)
    leaky = np.where(parts.part == "embargo", "train", parts.part)
    assert (leaky != parts.part).any()
    both = np.isin(made.table.column("seller_id").to_pylist(), [f"s{n}" for n in range(25)])
    leaky = np.where((leaky == "test") & both, "train", leaky)
    leaky = np.where((leaky == "train") & ~both, "test", leaky)
    leaky = np.where((leaky == "test") & both, "embargo", leaky)
    with pytest.raises(InputError, match="labels that reach past"):
        check_split(made, type(parts)(leaky, parts.fold, parts.later_from))


def test_too_few_ones_to_hold_any_out_says_so() -> None:
    made = abt([0, 30, 60, 90] * 50, [n // 4 for n in range(200)], [1] + [0] * 198 + [1], horizon_days=30)
    with pytest.raises(InputError, match=r"both classes|too few sellers"):
        split(made)

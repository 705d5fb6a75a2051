"""Evaluation: intervals that are honest with few products too, and labels too rare to learn that are not forgotten."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from vitrine.config import LearnSettings
from vitrine.errors import Refused
from vitrine.learn.dataset import Dataset
from vitrine.learn.evaluate import Evaluation, evaluate, interval, interval_of_difference
from vitrine.learn.train import Trained, train
from vitrine.taxonomy import parse

TAXONOMY = parse("""
version = 1
[attributes.color]
[attributes.color.values]
black = {}
white = {}
teal = {}
[attributes.heel]
[attributes.heel.values]
flat = {}
high = {}
""")
COLORS, HEELS = ("black", "white", "teal"), ("flat", "high")
SIZES = {"train": 300, "calibrate": 200, "test": 120}


def dataset() -> tuple[Dataset, np.ndarray]:
    """Families of two; vectors that show both attributes; `teal` is on 4 train products and every 10th test product.

    Every 4th test product has no color, every 3rd no heel.
    """
    total = sum(SIZES.values())
    part = np.repeat(list(SIZES), list(SIZES.values()))
    random = np.random.default_rng(5)
    color, heel = random.integers(0, 2, total), random.integers(0, 2, total)
    in_test = np.arange(total) - (total - SIZES["test"])
    color[:4] = 2
    color[(in_test >= 0) & (in_test % 10 == 1)] = 2
    vectors = np.stack([color == 1, heel == 1], axis=1) + random.normal(0, 0.2, (total, 2))
    missing = {"color": (in_test >= 0) & (in_test % 4 == 0), "heel": (in_test >= 0) & (in_test % 3 == 0)}
    table = pa.table(
        {
            "sku": [f"S{row:04d}" for row in range(total)],
            "family_id": [f"F{row // 2:04d}" for row in range(total)],
            "part": part.tolist(),
            "style": ["x"] * total,
            "photo_ids": [[f"P{row}"] for row in range(total)],
            "color": pa.array([COLORS[c] for c in color], mask=missing["color"]),
            "heel": pa.array([HEELS[h] for h in heel], mask=missing["heel"]),
        }
    )
    return Dataset("ds-1", TAXONOMY.id, table), vectors.astype(np.float32)


def learn(data: Dataset, vectors: np.ndarray) -> Trained:
    settings = LearnSettings(head="linear", threads=1, min_rows=10, precision=0.9)
    return train(data, TAXONOMY, lambda rows: vectors[rows], embedder_id="drawn", blocks=[(0, 2)], settings=settings)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    data, vectors = dataset()
    model = learn(data, vectors).model
    return evaluate(model, data, lambda rows: vectors[rows], test_uses=1, leak_tax={})


def test_a_label_too_rare_to_learn_is_an_error_among_what_is_published(evaluation: Evaluation) -> None:
    color = evaluation.scorecard["attributes"]["color"]
    assert (color["n"], color["n_rare"]) == (78, 12)
    assert color["accuracy"] == 1.0  # teal was not learnt and does not count there
    rows = [row for row in evaluation.rows.to_pylist() if row["attribute"] == "color"]
    teal = [row for row in rows if row["label"] == "teal"]
    out = [row for row in teal if row["published"]]
    assert len(teal) == 12 and not any(row["learnable"] for row in teal)
    assert len(out) > 5
    assert color["published_accuracy"] == pytest.approx(1 - len(out) / color["published"])


def test_coverage_is_over_every_labelled_product_and_no_other(evaluation: Evaluation) -> None:
    for name, labelled in (("color", 90), ("heel", 80)):
        rows = [row for row in evaluation.rows.to_pylist() if row["attribute"] == name]
        score = evaluation.scorecard["attributes"][name]
        assert len(rows) == labelled
        assert score["published"] == sum(row["published"] for row in rows) > 0
        assert score["coverage"] == score["published"] / labelled


def test_whole_products_are_those_labelled_in_everything(evaluation: Evaluation) -> None:
    product = evaluation.scorecard["product"]
    assert product["n"] == 60
    right: dict[str, list[bool]] = {}
    for row in evaluation.rows.to_pylist():
        right.setdefault(row["sku"], []).append(row["label"] == row["value"])
    whole = [all(each) for each in right.values() if len(each) == 2]
    assert product["accuracy"] == pytest.approx(np.mean(whole))
    for share in ("accuracy", "coverage"):
        low, high = product[f"{share}_interval"]
        assert 0 <= low <= product[share] <= high <= 1
        assert low < high


def test_every_share_lies_in_its_interval_and_none_is_certain(evaluation: Evaluation) -> None:
    for score in evaluation.scorecard["attributes"].values():
        for share, name in (
            ("accuracy", "accuracy_interval"),
            ("coverage", "coverage_interval"),
            ("published_accuracy", "published_interval"),
        ):
            low, high = score[name]
            assert 0 <= low <= score[share] <= high <= 1
            assert low < high


def test_without_test_products_it_refuses() -> None:
    data, vectors = dataset()
    model = learn(data, vectors).model
    left = data.table.filter(pa.compute.not_equal(data.table.column("part"), "test"))
    with pytest.raises(Refused, match="the test part has no product yet"):
        evaluate(model, Dataset("ds-2", TAXONOMY.id, left), lambda rows: vectors[rows], test_uses=1, leak_tax={})


@pytest.mark.parametrize("families", [1, 5, 60, 403])
@pytest.mark.parametrize("right", [True, False])
def test_equal_flags_have_the_exact_interval_of_one_product_a_family(families: int, right: bool) -> None:
    flags = np.full(3 * families, right)
    low, high = interval(flags, np.repeat(np.arange(families), 3))
    exact = binomtest(families if right else 0, families).proportion_ci(0.95, method="exact")
    assert (low, high) == (pytest.approx(exact.low, abs=1e-4), pytest.approx(exact.high, abs=1e-4))


def test_a_single_family_says_next_to_nothing_whatever_its_rows_say() -> None:
    low, high = interval(np.array([True, True, True, False]), np.array(["a"] * 4))
    assert low < 0.05 and high > 0.95


def test_the_order_of_rows_and_names_of_families_change_nothing() -> None:
    random = np.random.default_rng(1)
    flags, families = random.random(300) < 0.8, random.integers(0, 90, 300)
    order = random.permutation(300)
    renamed = np.array([f"family {number}" for number in families])
    assert interval(flags, families) == interval(flags[order], renamed[order])


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("families", [30, 150, 400])
@pytest.mark.parametrize("share", [0.6, 0.9, 0.97, 0.99])
def test_the_interval_covers_the_truth_as_often_as_it_says(share: float, families: int, together: bool) -> None:
    """300 catalogs of families of one to four products, right or wrong together or each family with its own odds."""
    random = np.random.default_rng(4)
    covered = 0
    for _ in range(300):
        sizes = random.integers(1, 5, families)
        odds = random.random(families) < share if together else random.beta(4 * share, 4 * (1 - share), families)
        right = random.random(sizes.sum()) < np.repeat(odds, sizes)
        low, high = interval(right, np.repeat(np.arange(families), sizes))
        covered += low <= share <= high
    assert covered / 300 >= 0.92


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.floats(0, 1))
def test_an_interval_holds_its_share_and_is_never_a_point(seed: int, families: int, share: float) -> None:
    random = np.random.default_rng(seed)
    of = np.repeat(np.arange(families), random.integers(1, 6, families))
    right = random.random(len(of)) < share
    low, high = interval(right, of)
    assert 0 <= low <= right.mean() <= high <= 1
    assert low < high


def test_families_with_the_same_share_count_once_each() -> None:
    flags, families = np.tile([True, True, False], 50), np.repeat(np.arange(50), 3)
    low, high = interval(flags, families)
    assert (low, high) == (pytest.approx(0.52, abs=0.01), pytest.approx(0.793, abs=0.01))


def test_a_difference_that_is_nowhere_is_not_certain_to_be_nowhere() -> None:
    low, high = interval_of_difference(np.zeros(300), np.repeat(np.arange(100), 3))
    assert low == -high and 0.03 < high < 0.04


def test_a_difference_that_is_there_is_seen() -> None:
    random = np.random.default_rng(6)
    gains = random.choice([-1, 0, 1], 900, p=[0.05, 0.8, 0.15])
    low, high = interval_of_difference(gains, np.repeat(np.arange(300), 3))
    assert 0 < low < gains.mean() < high < 0.2


def test_rows_of_one_family_do_not_count_as_independent() -> None:
    right = np.random.default_rng(3).random(100) < 0.8
    together = interval(np.repeat(right, 20), np.repeat(np.arange(100), 20))
    apart = interval(np.repeat(right, 20), np.arange(2_000))
    assert together[1] - together[0] > 3 * (apart[1] - apart[0])

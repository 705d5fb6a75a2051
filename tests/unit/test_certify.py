import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binom

from vitrine.errors import InputError
from vitrine.learn.answers import ANSWERS, WHOLE_PRODUCT, one_per_family, whole_products
from vitrine.learn.certify import Certificate, certify, certify_values, upper_bound


def answers(
    n: int,
    *,
    seed: int,
    wrong: dict[str, float],
    family_size: int = 1,
    prefix: str = "s",
) -> pa.Table:
    """n answers, values in equal shares.

    7 of 10 have a confidence in 0.9..1 and the error `wrong[value]`; the others 0.5..0.9, half of them wrong.
    """
    rng = np.random.default_rng(seed)
    value = rng.choice(list(wrong), n)
    sure = rng.random(n) < 0.7
    confidence = np.where(sure, rng.uniform(0.9, 1.0, n), rng.uniform(0.5, 0.9, n))
    error = np.where(sure, [wrong[v] for v in value], 0.5)
    return pa.table(
        {
            "sku": [f"{prefix}{i}" for i in range(n)],
            "family_id": [f"{prefix}f{i // family_size}" for i in range(n)],
            "value": value.tolist(),
            "confidence": confidence,
            "correct": rng.random(n) >= error,
        },
        schema=ANSWERS,
    )


def test_a_good_head_is_certified_up_to_where_it_is_good() -> None:
    train = answers(4000, seed=0, wrong={"red": 0.01, "blue": 0.01})
    calibrate = answers(1000, seed=1, wrong={"red": 0.01, "blue": 0.01}, prefix="c")
    made = certify(train, calibrate, attribute="color")
    assert 0.6 < made.coverage < 0.75
    assert made.n_families == 1000
    assert made.n_published == round(made.coverage * 1000)
    assert made.upper_bound <= 0.03
    fresh = answers(50_000, seed=2, wrong={"red": 0.01, "blue": 0.01}, prefix="t")
    confidence = fresh.column("confidence").to_numpy()
    published = made.rule.published(fresh.column("value").to_pylist(), confidence)
    wrong = ~fresh.column("correct").to_numpy()[published]
    assert published.mean() == pytest.approx(made.coverage, abs=0.05)
    assert wrong.mean() < 0.03
    assert made.sentence() == (
        f"publish {100 * made.coverage:.0f} % of `color` at ≥ 97 % precision, confidence 95 % "
        "(n = 1,000 families, each on its own)"
    )


def test_the_chosen_level_is_the_last_that_was_rejected_in_a_row() -> None:
    train = answers(4000, seed=0, wrong={"red": 0.008})
    made = certify(train, answers(1000, seed=3, wrong={"red": 0.008}, prefix="c"), attribute="color")
    levels = made.levels
    assert len(levels) <= 50
    assert all(a.level > b.level and a.n_published <= b.n_published for a, b in pairwise(levels))
    assert all(level.p_value <= 0.05 for level in levels[:-1])
    passed = levels[-1] if levels[-1].p_value <= 0.05 else levels[-2]
    assert made.rule.level == passed.level
    assert passed.p_value == pytest.approx(binom.cdf(passed.errors, passed.n_published, 0.03))
    assert levels[0].n_published >= 85  # 99 are expected, give or take the draw


def test_a_value_that_is_always_doubtful_or_rare_is_left_to_people() -> None:
    wrong = {"red": 0.005, "blue": 0.005, "pink": 0.25}
    train = answers(6000, seed=0, wrong=wrong)
    few = answers(19, seed=1, wrong={"plum": 0.0}, prefix="p")
    calibrate = answers(2000, seed=2, wrong=wrong, prefix="c")
    made = certify(pa.concat_tables([train, few]), calibrate, attribute="color")
    assert set(made.rule.thresholds) == {"red", "blue"}
    assert made.rule.published(["pink", "plum", "unheard of"], np.ones(3)).tolist() == [False] * 3
    assert made.rule.published(["red"], np.ones(1)).tolist() == [True]


def test_an_overconfident_value_must_be_surer_than_the_others() -> None:
    rng = np.random.default_rng(0)

    def draw(n: int, prefix: str) -> pa.Table:
        value = rng.choice(["honest", "proud"], n)
        log_odds = rng.normal(4, 1.5, n)
        right = 1 / (1 + np.exp(-(log_odds - np.where(value == "proud", 1.5, 0.0))))
        return pa.table(
            {
                "sku": [f"{prefix}{i}" for i in range(n)],
                "family_id": [f"{prefix}{i}" for i in range(n)],
                "value": value.tolist(),
                "confidence": 1 / (1 + np.exp(-log_odds)),
                "correct": rng.random(n) < right,
            },
            schema=ANSWERS,
        )

    made = certify(draw(8000, "t"), draw(3000, "c"), attribute="style")
    assert made.rule.thresholds["proud"] > made.rule.thresholds["honest"]
    assert made.rule.offsets["proud"] - made.rule.offsets["honest"] == pytest.approx(1.5, abs=0.4)


def test_only_one_product_a_family_is_counted() -> None:
    train = answers(4000, seed=0, wrong={"red": 0.005}, family_size=4)
    calibrate = answers(3000, seed=1, wrong={"red": 0.005}, family_size=4, prefix="c")
    made = certify(train, calibrate, attribute="color")
    assert made.n_families == 750
    assert made.n_published <= 750 < made.n_products_published
    assert made.product_weighted_error is not None and 0 < made.product_weighted_error < 0.04


def test_the_draw_of_a_family_does_not_look_at_labels() -> None:
    calibrate = answers(600, seed=1, wrong={"red": 0.005}, family_size=2, prefix="c")
    sku, family = calibrate.column("sku").to_pylist(), calibrate.column("family_id").to_pylist()
    rows = one_per_family(sku, family, "certificate")
    correct = calibrate.column("correct").to_pylist()
    for row in rows:
        correct[row] = None
    hidden = calibrate.set_column(4, ANSWERS.field("correct"), pa.array(correct, pa.bool_()))
    train = answers(4000, seed=0, wrong={"red": 0.005})
    # the siblings' labels are there, and are not taken instead
    assert certify(train, hidden, attribute="color").n_families == 0
    assert one_per_family(sku, family, "other salt").tolist() != rows.tolist()


def test_nothing_certified_says_how_many_labels_it_would_take() -> None:
    train = answers(6000, seed=100, wrong={"red": 0.01})
    small = certify(train, answers(120, seed=1, wrong={"red": 0.01}, prefix="c"), attribute="color")
    assert small.coverage == 0
    assert small.rule.level is None
    assert not small.rule.published(["red"], np.ones(1)).any()
    assert small.labels_needed is not None and 120 < small.labels_needed < 2000
    assert f"it would take about {small.labels_needed:,} labelled calibrate families" in small.sentence()
    # and that many are indeed enough, most of the time
    n = small.labels_needed
    draws = [answers(n, seed=s, wrong={"red": 0.01}, prefix="c") for s in range(2, 12)]
    assert sum(certify(train, draw, attribute="color").coverage > 0 for draw in draws) >= 6


def test_an_estimate_beyond_a_hundred_thousand_labels_is_not_given_in_digits() -> None:
    train = answers(6000, seed=100, wrong={"red": 0.01})
    small = certify(train, answers(120, seed=1, wrong={"red": 0.01}, prefix="c"), attribute="color")
    huge = replace(small, labels_needed=1_234_567).sentence()
    assert huge.endswith("it would take more than 100,000 labelled calibrate families")
    most = replace(small, labels_needed=100_000).sentence()
    assert most.endswith("it would take about 100,000 labelled calibrate families or more")


def test_a_head_that_is_never_right_enough_says_so() -> None:
    train = answers(3000, seed=0, wrong={"red": 0.2})
    made = certify(train, answers(1000, seed=1, wrong={"red": 0.2}, prefix="c"), attribute="color")
    assert made.coverage == 0
    assert made.labels_needed is None
    assert "cannot be proven with these answers at any n" in made.sentence()


def test_all_together_publishes_no_more_than_each_on_its_own() -> None:
    train = answers(4000, seed=0, wrong={"red": 0.012})
    calibrate = answers(1500, seed=1, wrong={"red": 0.012}, prefix="c")
    alone = certify(train, calibrate, attribute="color")
    together = certify(train, calibrate, attribute="color", tests=13)
    assert together.coverage <= alone.coverage
    assert "all 13 together" in together.sentence()


def test_values_get_a_certificate_of_their_own_only_with_enough_rows() -> None:
    train = pa.concat_tables(
        [
            answers(4000, seed=0, wrong={"red": 0.005}),
            answers(200, seed=1, wrong={"plum": 0.005}, prefix="p"),
        ]
    )
    calibrate = pa.concat_tables(
        [
            answers(1000, seed=2, wrong={"red": 0.005}, prefix="c"),
            answers(50, seed=3, wrong={"plum": 0.005}, prefix="d"),
        ]
    )
    made = certify_values(train, calibrate, attribute="color")
    assert list(made) == ["red"]
    assert made["red"].coverage > 0.5
    assert "`color` = red" in made["red"].sentence()


def test_a_whole_product_is_as_sure_as_its_least_sure_attribute() -> None:
    def one(confidence: list[float], correct: list[bool | None]) -> pa.Table:
        rows = {"sku": ["b", "a", "c"], "family_id": ["f", "e", "g"], "value": ["x"] * 3}
        return pa.table({**rows, "confidence": confidence, "correct": correct}, schema=ANSWERS)

    heel = one([0.9, 0.8, 0.7], [True, True, True])
    toe = one([0.95, 0.6, 0.99], [True, False, None])
    made = whole_products({"heel": heel, "toe": toe})
    assert made.column("sku").to_pylist() == ["a", "b", "c"]
    assert made.column("value").to_pylist() == [WHOLE_PRODUCT] * 3
    assert made.column("confidence").to_pylist() == [0.6, 0.9, 0.7]
    assert made.column("correct").to_pylist() == [False, True, None]
    with pytest.raises(InputError, match="product 'c' is answered for only one of 'heel' and 'toe'"):
        whole_products({"heel": heel, "toe": toe.slice(0, 2)})


def test_a_certificate_survives_json() -> None:
    train = answers(3000, seed=0, wrong={"red": 0.005, "blue": 0.01})
    made = certify(train, answers(800, seed=1, wrong={"red": 0.005, "blue": 0.01}, prefix="c"), attribute="color")
    again = Certificate.from_json(json.loads(json.dumps(made.to_json())))
    assert again == made


def test_the_upper_bound_is_that_of_clopper_and_pearson() -> None:
    assert upper_bound(0, 99, 0.05) == pytest.approx(1 - 0.05 ** (1 / 99))
    assert binom.cdf(7, 400, upper_bound(7, 400, 0.05)) == pytest.approx(0.05)
    assert upper_bound(0, 0, 0.05) == upper_bound(5, 5, 0.05) == 1.0


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("sku", ["a", "a"], "product 'a' is answered twice"),
        ("confidence", [0.5, 1.5], r"product 'b' has the confidence 1\.5"),
        ("confidence", [0.5, float("nan")], "product 'b' has the confidence nan"),
    ],
)
def test_bad_answers_are_refused(column: str, values: list[object], message: str) -> None:
    rows = {"sku": ["a", "b"], "family_id": ["a", "b"], "value": ["x", "x"], "confidence": [0.5, 0.5]}
    table = pa.table({**rows, "correct": [True, True], column: values})
    with pytest.raises(InputError, match=message):
        certify(table, table, attribute="color")


def test_missing_columns_and_impossible_promises_are_refused() -> None:
    table = answers(10, seed=0, wrong={"red": 0.0})
    with pytest.raises(InputError, match=r"train answers: column 'confidence' is missing"):
        certify(table.drop_columns("confidence"), table, attribute="color")
    with pytest.raises(InputError, match=r"precision is 97; it must lie between 0 and 1"):
        certify(table, table, attribute="color", precision=97)

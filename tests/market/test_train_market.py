"""Training: what is planted is found, what is not is not; reasons add up; a base table's faults are named."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from vitrine.errors import InputError, NotFound, Refused, StorageError
from vitrine.market.abt import Abt, abt_id_of
from vitrine.market.base_table import read_base_table
from vitrine.market.metrics import auc_difference, measure, with_intervals
from vitrine.market.model import Model
from vitrine.market.profit import Costs, advise
from vitrine.market.proof import compare_auc
from vitrine.market.reasons import reasons
from vitrine.market.train import Trained, train

START = date(2017, 1, 1)


def planted(*, rows: int = 2_400, strength: float = 1.5, memory: float = 0.0, seed: int = 3) -> tuple[Abt, np.ndarray]:
    """Sellers at 12 months; the log-odds of a one are `strength` * size + `memory` * (the seller's own habit)."""
    random = np.random.default_rng(seed)
    seller = random.integers(0, rows // 8, rows)
    month = random.integers(0, 12, rows)
    size = random.normal(size=rows)
    habit = random.normal(size=rows // 8)[seller]
    margin = strength * size + memory * habit - 0.5
    label = random.random(rows) < 1 / (1 + np.exp(-margin))
    trait = random.normal(size=(rows // 8, 3))[seller]  # says who the seller is, and nothing else
    state = np.where(size > 1, "SP", random.choice(["RJ", "MG"], rows))
    table = pa.table(
        {
            "reference_date": pa.array([START + timedelta(days=30 * int(m)) for m in month], pa.date32()),
            "seller_id": [f"s{n}" for n in seller],
            "size": np.where(random.random(rows) < 0.1, np.nan, size),
            **{f"trait_{n}": trait[:, n] for n in range(3)},
            "state": state.tolist(),
            "label": pa.array(label.astype(np.int8)),
        },
        metadata={"source_id": "src-x", "population": "all"},
    )
    features = ["size", "trait_0", "trait_1", "trait_2", "state"]
    made = Abt(table, "churn", features, "seller_id", "reference_date", "seller_id", 30, abt_id_of(table))
    return made, margin


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(planted()[0], trials=2, threads=1)


def test_the_honest_auc_is_what_the_planted_truth_allows_and_no_more(trained: Trained) -> None:
    abt, margin = planted()
    best = measure(abt.table.column("label").to_numpy(), margin)["auc"]
    honest = trained.scorecard["later"]["auc"]
    assert honest["low"] <= best and honest["mean"] > 0.7
    assert trained.scorecard["baselines"]["base_rate"]["auc"]["mean"] == 0.5
    assert trained.scorecard["calibration"]["ece"] < 0.12


def test_a_careless_split_claims_more_where_sellers_can_be_recognized() -> None:
    card = train(planted(strength=0.3, memory=2.5)[0], trials=2, threads=1).scorecard
    assert card["leak_tax"]["careless"]["auc"]["mean"] > card["later"]["auc"]["high"]
    assert card["leak_tax"]["auc"] > 0.05  # on the same months


def test_nothing_is_found_where_nothing_is(trained: Trained) -> None:
    card = train(planted(strength=0.0, seed=5)[0], trials=2, threads=1).scorecard
    assert card["later"]["auc"]["low"] <= 0.5 <= card["later"]["auc"]["high"]


def test_the_same_seed_gives_the_same_model(trained: Trained) -> None:
    assert train(planted()[0], trials=2, threads=1).model.model_id == trained.model.model_id


def test_reasons_add_up_to_the_log_odds_of_every_kind(trained: Trained) -> None:
    abt, _ = planted()
    rows = abt.table.slice(0, 200)
    for scorer in (trained.model.scorer, getattr(trained.model.scorer, "trees", trained.model.scorer)):
        x = trained.model.encoding.matrix(rows)
        assert np.allclose(scorer.contributions(x).sum(axis=1), scorer.margin(x), atol=1e-3)
    parts = trained.model.reasons(rows)
    said = trained.model.probability(rows)
    assert np.allclose(1 / (1 + np.exp(-parts.sum(axis=1))), said, atol=1e-3)
    strongest = [of_row[0].feature for of_row in reasons(trained.model, rows)]
    assert strongest.count("size") > 100


def test_a_model_comes_back_from_its_files_and_a_changed_file_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = trained.model.save(tmp_path)
    again = Model.load(tmp_path, trained.model.model_id)
    rows = planted()[0].table.slice(0, 50)
    assert np.allclose(again.probability(rows), trained.model.probability(rows))
    assert not [path for path in folder.iterdir() if path.suffix in (".pkl", ".pickle", ".joblib")]
    head = folder / "model.json"
    head.write_text(
        head.read_text(encoding="utf-8").replace('"horizon_days": 30', '"horizon_days": 31'), encoding="utf-8"
    )
    with pytest.raises(StorageError, match="were changed"):
        Model.load(tmp_path, trained.model.model_id)
    with pytest.raises(NotFound):
        Model.load(tmp_path, "churn-000000000000")


def test_a_missing_column_is_refused_by_name(trained: Trained) -> None:
    with pytest.raises(Refused, match="size"):
        trained.model.probability(planted()[0].table.drop_columns(["size"]))


def test_a_better_challenger_is_proven_an_equal_one_is_not(trained: Trained) -> None:
    abt, _ = planted()
    blind = replace(abt, features=["trait_0", "trait_1", "trait_2"])
    weak = train(blind, trials=2, threads=1)
    keys = ("reference_date", "seller_id")
    assert compare_auc(trained.model, weak.model, trained.later, keys=keys).proven
    same = compare_auc(trained.model, trained.model, trained.later, keys=keys)
    assert not same.proven and same.gain == 0


def test_metrics_agree_with_scikit_learn_also_with_ties() -> None:
    random = np.random.default_rng(0)
    y = (random.random(500) < 0.3).astype(np.int8)
    p = np.round(random.random(500) * 0.5 + 0.3 * y, 1)
    found = measure(y, p)
    assert found["auc"] == pytest.approx(roc_auc_score(y, p))
    assert found["pr_auc"] == pytest.approx(average_precision_score(y, p))
    assert found["brier"] == pytest.approx(float(np.mean((y - p) ** 2)))


def test_intervals_count_sellers_not_rows() -> None:
    """Ten copies of each row tell no more than one."""
    random = np.random.default_rng(1)
    y = (random.random(200) < 0.4).astype(np.int8)
    p = np.clip(0.3 * y + random.random(200) * 0.6, 0.01, 0.99)
    one = with_intervals(y, p, np.arange(200))["auc"]
    ten = with_intervals(np.repeat(y, 10), np.repeat(p, 10), np.repeat(np.arange(200), 10))["auc"]
    assert ten["high"] - ten["low"] == pytest.approx(one["high"] - one["low"], rel=0.25)
    gain, interval = auc_difference(y, p, p, np.arange(200), draws=50)
    assert (gain, interval) == (0.0, (0.0, 0.0))


def test_the_advised_threshold_pays_and_none_is_advised_where_nothing_pays() -> None:
    random = np.random.default_rng(2)
    p = random.random(4_000)
    y = (random.random(4_000) < p).astype(np.int8)
    groups = np.arange(4_000)
    found = advise((y, p), (y, p, groups), Costs(contact=10, loss=100, saved=0.5))
    assert found["threshold"] == pytest.approx(0.2, abs=0.06) and found["break_even"] == 0.2
    assert found["profit_per_1000"]["low"] > max(0, found["everybody_per_1000"])
    never = advise((y, p), (y, p, groups), Costs(contact=10, loss=5, saved=0.5))
    assert never["threshold"] is None and never["contacted"] == 0
    with pytest.raises(InputError, match="make no sense"):
        Costs(contact=-1)


def orders(tmp_path: Path) -> Path:
    """Three orders: the first of two payments, the second of two items; months, and a column that only says the month."""
    path = tmp_path / "orders.parquet"
    table = {
        "month": ["2017-01", "2017-01", "2017-02", "2017-02", "2017-03"] * 40,
        "number": [1, 1, 2, 2, 3] * 40,
        "price": [10.0, 10.0, 5.0, 7.0, 1.0] * 40,
        "paid": [4.0, 6.0, 12.0, 12.0, 1.0] * 40,
        "late": [1, 1, 0, 0, 1] * 40,
        "order": [f"o{n // 5}-{(n % 5) // 2}" for n in range(200)],
    }
    pq.write_table(pa.table(table), path)
    return path


def test_rows_of_one_order_become_one_row(tmp_path: Path) -> None:
    found = read_base_table(orders(tmp_path), "delay", label="late", time="month", entity=["order"], horizon_days=20)
    assert (found.abt.table.num_rows, found.repeated) == (120, 80)
    second = found.abt.table.filter(pa.compute.equal(found.abt.table.column("entity_id"), "o0-1")).to_pylist()
    assert (second[0]["price"], second[0]["paid"]) == (7.0, 12.0)
    assert found.rows_as_given.table.num_rows == 200
    assert found.left_out == {"number": "says only the date", "order": "names whom the row is about"}
    assert found.abt.horizon_days == 51  # of an event only the month is known: the embargo is longer by a month


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label": "lat"}, "no column 'lat'"),
        ({"time": "price"}, "no date, month or quarter"),
        ({"label": "price"}, "neither 0 nor 1"),
    ],
)
def test_what_is_wrong_with_a_base_table_is_named(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    given = {"label": "late", "time": "month", **changed}
    with pytest.raises(InputError, match=message):
        read_base_table(orders(tmp_path), "delay", horizon_days=20, **given)


def test_a_label_of_one_class_teaches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("t,s,x,y\n" + "".join(f"2017-0{1 + n % 6},s{n},{n},0\n" for n in range(60)), encoding="utf-8")
    with pytest.raises(InputError, match="nothing to learn"):
        read_base_table(path, "churn", label="y", time="t", group=["s"], horizon_days=30)
    with pytest.raises(NotFound):
        read_base_table(tmp_path / "absent.csv", "churn", label="y", time="t", horizon_days=30)


def test_a_column_that_was_not_known_in_time_is_pointed_at() -> None:
    """What notebooks of late orders did with the review score: alone it ranks nearly perfectly."""
    abt, _ = planted(rows=1_200)
    y = abt.table.column("label").to_numpy()
    leak = y + np.random.default_rng(0).normal(0, 0.3, len(y))
    leaky = replace(
        abt, table=abt.table.append_column("review_score", pa.array(leak)), features=[*abt.features, "review_score"]
    )
    card = train(leaky, trials=1, threads=1).scorecard
    honest = train(abt, trials=1, threads=1).scorecard
    assert list(card["suspects"]) == ["review_score"] and honest["suspects"] == {}
    assert card["later"]["auc"]["low"] > honest["later"]["auc"]["high"]

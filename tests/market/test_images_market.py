"""What photos show counts from when it was known and its product had been sold; what it adds is measured."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_market import Order, Shown, drawn_images, drawn_orders, make_market

from command import vitrine
from small_desk import TAXONOMY, TAXONOMY_TEXT, add_products
from vitrine.desk.decisions import Answer, decide
from vitrine.errors import Refused
from vitrine.market import lookahead as module
from vitrine.market.abt import Abt, abt_id_of
from vitrine.market.duck import DuckDB
from vitrine.market.grid import grid
from vitrine.market.home import Market
from vitrine.market.lookahead import lookahead
from vitrine.market.make_abt import PLANS, event_features, make_abt, to_score
from vitrine.market.queries import compute
from vitrine.market.uplift import uplift
from vitrine.market.words import feature_words
from vitrine.market.worlds import world
from vitrine.workspace import create

BEGIN = datetime(2017, 1, 1)
SHARP, BLURRED = "image_photo=sharp_share", "image_photo=blurred_share"
ORDERS = (
    Order("o1", "2017-01-10 10:00:00", items=(("s1", "p1", 10.0, 1.0),)),
    Order("o2", "2017-02-10 10:00:00", items=(("s1", "p2", 10.0, 1.0), ("s1", "p2", 10.0, 1.0))),
    Order("o3", "2017-02-11 10:00:00", items=(("s2", "p3", 10.0, 1.0),)),
)


def shares(market: Market, days: Sequence[str]) -> list[tuple[str, float | None, float | None]]:
    """(seller, sharp, blurred) at each day, seller by seller."""
    dates = [date.fromisoformat(day) for day in days]
    market.features.build(dates)
    rows = market.features.read(dates, columns=["seller_id", SHARP, BLURRED]).to_pylist()
    return [(row["seller_id"], row[SHARP], row[BLURRED]) for row in rows]


def test_only_what_was_known_and_sold_before_the_date_counts(tmp_path: Path) -> None:
    shown = [
        Shown("p1", "photo", "sharp", "2017-01-20 00:00:00"),
        Shown("p2", "photo", "blurred", "2017-01-01 00:00:00", confidence=0.4),
    ]
    market = make_market(tmp_path, ORDERS, shown=shown)
    found = shares(market, ["2017-01-15", "2017-01-20", "2017-02-01", "2017-02-12"])
    # known on the 20th at midnight is not known before the morning of the 20th
    assert found[:3] == [("s1", None, None), ("s1", None, None), ("s1", 1.0, 0.0)]
    assert found[3] == ("s1", pytest.approx(0.8 / 1.2), pytest.approx(0.4 / 1.2))
    assert found[4] == ("s2", None, None)  # nobody said what the photos of p3 show


def test_a_correction_counts_from_its_own_moment(tmp_path: Path) -> None:
    shown = [
        Shown("p1", "photo", "blurred", "2017-01-01 00:00:00"),
        Shown("p1", "photo", "sharp", "2017-01-20 12:00:00", confidence=1.0),
    ]
    market = make_market(tmp_path, ORDERS, shown=shown)
    assert shares(market, ["2017-01-20", "2017-01-21"]) == [("s1", 0.0, 1.0), ("s1", 1.0, 0.0)]


def test_an_order_has_what_its_items_showed_when_it_was_bought(tmp_path: Path) -> None:
    shown = [
        Shown("p1", "photo", "sharp", "2017-01-10 10:00:00"),  # the very moment of the purchase is too late
        Shown("p2", "photo", "blurred", "2017-01-01 00:00:00"),
        Shown("p2", "photo", "sharp", "2017-03-01 00:00:00"),
    ]
    market = make_market(tmp_path, ORDERS, shown=shown)
    with market.sources.connect() as connection:
        found = event_features(DuckDB(connection), PLANS["delay"]).to_pylist()
    assert {row["order_id"]: (row[SHARP], row[BLURRED]) for row in found} == {
        "o1": (None, None), "o2": (0.0, 1.0), "o3": (None, None),
    }  # fmt: skip


@pytest.fixture(scope="module")
def drawn_market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Drawn orders; each product is described, and described anew, at moments spread over all reference dates."""
    orders = drawn_orders(5, count=700)
    market = make_market(tmp_path_factory.mktemp("images"), orders, shown=drawn_images(2, orders))
    market.features.build(grid("2017-03", "2017-12"))
    return market


def test_nothing_that_photos_show_later_is_seen(drawn_market: Market) -> None:
    report = lookahead(drawn_market.features, [date(2017, 5, 1), date(2017, 10, 1)])
    assert report.leaks == ()
    columns = drawn_market.features.read([date(2017, 10, 1)]).column_names
    assert sum(name.startswith("image_") for name in columns) == 5


def test_a_share_that_reads_a_later_photo_is_caught(drawn_market: Market) -> None:
    day = date(2017, 8, 1)
    with drawn_market.sources.connect() as connection:
        connection.execute("CREATE TABLE known AS FROM product_attributes")
        leaky = connection.sql(
            "SELECT product_id, attribute, value, confidence, TIMESTAMP '2016-01-01' AS known_at FROM known"
        )
        connection.execute("CREATE OR REPLACE VIEW product_attributes AS " + leaky.sql_query())
        seen = compute(DuckDB(connection), [day])
        connection.execute("CREATE OR REPLACE VIEW product_attributes AS FROM known")
        with world(connection, "truncated", day) as other:
            honest = compute(other, [day])
    leaks = module.compare(seen, {"truncated": honest}, ("reference_date", "seller_id"), day, "churn")
    assert leaks and all(leak.feature.startswith("image_") for leak in leaks)


def test_a_value_that_the_past_has_not_named_is_compared_with_its_absence(tmp_path: Path) -> None:
    seen = pa.table({"seller_id": ["a", "b", "c"], SHARP: [0.0, None, 0.5]})
    past = pa.table({"seller_id": ["a", "b", "c"]})
    (leak,) = module.compare(seen, {"truncated": past}, ("seller_id",), date(2017, 1, 1), "churn")
    assert (leak.feature, leak.rows, leak.largest) == (SHARP, 1, 0.5)


def test_the_base_table_and_what_is_scored_have_the_same_columns(drawn_market: Market) -> None:
    for task in ("churn", "delay"):
        abt = make_abt(drawn_market.data / "abt", drawn_market.features, task).abt
        images = {name for name in abt.features if name.startswith("image_")}
        assert len(images) == 5
        assert set(abt.features) <= set(to_score(drawn_market.features, task).column_names)


def test_what_the_desk_knows_becomes_a_table_of_the_marketplace(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    workspace = create(folder, TAXONOMY_TEXT, {})
    add_products(workspace.catalog, ["p1", "p2"], decision="published")
    said = [Answer("p1", "color", value="pink", version=0)]
    (decision,) = decide(workspace.catalog, TAXONOMY, said, author="ana", batch_id="ana-000001")
    result = vitrine("market", "attributes", str(tmp_path), "--workspace", str(folder), "--json")
    assert json.loads(result.stdout) == {
        "rows": 4,
        "products": 2,
        "output": str(tmp_path / "product_attributes.parquet"),
    }
    rows = pq.read_table(tmp_path / "product_attributes.parquet").to_pylist()
    told = {(row["product_id"], row["attribute"]): (row["value"], row["confidence"]) for row in rows}
    assert told["p1", "color"] == ("pink", 1.0)  # a person's word stands above the model's
    assert told["p2", "color"] == ("red", pytest.approx(0.6))
    # in no zone of the earth does it count earlier than it was said
    (known,) = (row["known_at"] for row in rows if (row["product_id"], row["attribute"]) == ("p1", "color"))
    assert known - decision.decided_at.replace(tzinfo=None) == timedelta(hours=14)


def planted(sellers: int = 160) -> Abt:
    """Sellers by month; blurred photos make churn likely, the heel has no influence."""
    random = np.random.default_rng(4)
    rows = []
    for number in range(sellers):
        blurred, heel = random.random() < 0.5, random.random() < 0.5
        for month in range(2, 10):
            label = int(random.random() < (0.75 if blurred else 0.25))
            rows.append((date(2017, month, 1), f"s{number}", float(blurred), float(heel), label))
    days, names, blurs, heels, labels = zip(*rows, strict=True)
    table = pa.table(
        {
            "reference_date": pa.array(days, pa.date32()),
            "seller_id": list(names),
            "noise": random.normal(size=len(rows)),
            BLURRED: list(blurs),
            "image_heel=high_share": list(heels),
            "label": pa.array(labels, pa.int8()),
        }
    )
    features = ["noise", BLURRED, "image_heel=high_share"]
    return Abt(table, "churn", features, "seller_id", "reference_date", "seller_id", 30, abt_id_of(table))


def test_a_planted_uplift_is_found_and_one_that_is_not_there_is_not() -> None:
    found = {one.attribute: one for one in uplift(planted(), trials=1, seed=0, threads=1)}
    assert found["photo"].interval[0] > 0.1 and found[""].interval[0] > 0.1
    assert found["heel"].interval[0] < 0.05 < found["photo"].gain
    assert found["photo"].auc_with == pytest.approx(0.75, abs=0.06)


def test_without_image_attributes_there_is_no_uplift() -> None:
    abt = planted(4)
    bare = Abt(abt.table, "churn", ["noise"], "seller_id", "reference_date", "seller_id", 30, "abt-1")
    with pytest.raises(Refused, match="no image attributes"):
        uplift(bare, trials=1, seed=0, threads=1)
    with pytest.raises(Refused, match="predicts nothing"):
        uplift(replace(abt, table=abt.table.drop_columns(["label"])), trials=1, seed=0, threads=1)


def test_a_reason_says_what_photos_show() -> None:
    assert feature_words("image_toe_shape=round_share") == "share whose photos show toe shape round"

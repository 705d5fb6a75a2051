"""The simulated marketplace: shaped like the official one, with a truth that its rows bear out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from vitrine.market.home import Market
from vitrine.market.simulate import SimulationReport, simulate
from vitrine.market.simulator import marginals as m
from vitrine.market.simulator.auc import AreaUnderCurve

SELLERS, ORDERS = 1_500, 40_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulated") / "olist"


@pytest.fixture(scope="module")
def report(folder: Path) -> SimulationReport:
    return simulate(folder, sellers=SELLERS, orders=ORDERS, seed=7)


@pytest.fixture(scope="module")
def market(folder: Path, report: SimulationReport, tmp_path_factory: pytest.TempPathFactory) -> Market:
    market = Market.open(tmp_path_factory.mktemp("market"))
    market.ingest(folder)
    return market


@pytest.fixture
def tables(market: Market, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with market.sources.connect() as connection:
        for path in (folder / "truth").glob("*.parquet"):
            connection.execute(f"CREATE VIEW true_{path.stem} AS SELECT * FROM read_parquet('{path}')")
        connection.execute(
            "CREATE VIEW sales AS SELECT DISTINCT seller_id, order_id, order_purchase_timestamp AS sold "
            "FROM order_items JOIN orders USING (order_id)"
        )
        yield connection


def one(tables: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return tuple(tables.execute(query).fetchall()[0])


def column(tables: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    return [row[0] for row in tables.execute(query).fetchall()]


def test_every_row_comes_in_and_every_reference_holds(market: Market, folder: Path, report: SimulationReport) -> None:
    manifest = market.sources.manifest["tables"]
    assert {name: table["rows"] for name, table in manifest.items()} == report.rows
    assert market.sources.rejected().num_rows == 0
    kept = {note for table in manifest.values() for note in table["notes"]}
    assert kept == {
        "product_category_name is empty",
        "seller_id is not in sellers; kept: a deal that has not led to a sale yet",
    }
    assert report.rows["orders"] == ORDERS and report.rows["sellers"] == SELLERS


def test_orders_by_month_follow_the_measured_proportions(tables: duckdb.DuckDBPyConnection) -> None:
    found = column(
        tables,
        "SELECT count(*) FROM orders GROUP BY date_trunc('month', order_purchase_timestamp) "
        "ORDER BY min(order_purchase_timestamp)",
    )
    expected = np.array(m.LINES_A_MONTH) / sum(m.LINES_A_MONTH)
    # the first month may have more, because every seller of the start sells in it
    assert np.allclose(np.array(found) / ORDERS, expected, atol=0.002)


def test_black_friday_is_the_largest_day(tables: duckdb.DuckDBPyConnection) -> None:
    days = tables.execute(
        "SELECT CAST(order_purchase_timestamp AS DATE) AS day, count(*) AS n FROM orders GROUP BY day ORDER BY n DESC LIMIT 2"
    ).fetchall()
    assert str(days[0][0]) == "2017-11-24"
    assert days[0][1] > 1.7 * days[1][1]


LATE = "avg(CAST(order_delivered_customer_date > order_estimated_delivery_date AS INT)) FROM orders"
MARGINALS = [
    ("avg(CAST(customer_state = 'SP' AS INT)) FROM customers", 6113 / 14485, 0.02),
    ("avg(CAST(seller_state = 'SP' AS INT)) FROM sellers", 1849 / 3095, 0.04),
    ("avg(CAST(dayofweek(order_purchase_timestamp) = 1 AS INT)) FROM orders", 2239 / 14057, 0.02),
    ("avg(CAST(hour(order_purchase_timestamp) = 11 AS INT)) FROM orders", 1000 / 14057, 0.01),
    ("avg(CAST(n > 1 AS INT)) FROM (SELECT count(*) AS n FROM order_items GROUP BY order_id)", 0.098, 0.01),
    ("avg(CAST(payment_type = 'boleto' AS INT)) FROM order_payments", 0.193, 0.02),
    ("avg(CAST(payment_installments = 1 AS INT)) FROM cards", 0.33, 0.02),
    ("corr(ln(payment_value), payment_installments) FROM cards", 0.47, 0.08),
    ("avg(CAST(order_status = 'canceled' AS INT)) FROM orders", 44 / 14057, 0.002),
    ("avg(CAST(review_score = 5 AS INT)) FROM order_reviews", 0.59, 0.02),
    ("avg(freight_value) FROM order_items", 19.8, 1.5),
    ("avg(ln(price)) FROM phones", 3.63, 0.35),
    ("count(*) / (SELECT count(*) FROM sellers) FROM products", m.PRODUCTS_A_SELLER, 0.5),
    (f"{LATE} WHERE date_trunc('month', order_purchase_timestamp) = '2018-03-01'", 0.20, 0.03),
    (f"{LATE} WHERE date_trunc('month', order_purchase_timestamp) = '2018-06-01'", 0.0136, 0.01),
    ("avg(date_diff('day', order_purchase_timestamp, order_estimated_delivery_date)) FROM orders", 24.3, 1.5),
    ("(SELECT count(*) FROM closed_deals) / count(*) FROM marketing_qualified_leads", 842 / 8000, 0.02),
]


@pytest.mark.parametrize(("selected", "expected", "tolerance"), MARGINALS, ids=[one[0][:60] for one in MARGINALS])
def test_marginals_are_the_measured_ones(
    tables: duckdb.DuckDBPyConnection, selected: str, expected: float, tolerance: float
) -> None:
    tables.execute("CREATE VIEW cards AS SELECT * FROM order_payments WHERE payment_type = 'credit_card'")
    tables.execute(
        "CREATE VIEW phones AS SELECT price FROM order_items JOIN products USING (product_id) "
        "WHERE product_category_name = 'telefonia'"
    )
    assert one(tables, f"SELECT {selected}")[0] == pytest.approx(expected, abs=tolerance)


def test_orders_concentrate_on_few_sellers_as_measured(tables: duckdb.DuckDBPyConnection) -> None:
    counts = np.array(
        column(tables, "SELECT count(*) AS n FROM sales WHERE year(sold) = 2017 GROUP BY seller_id ORDER BY n DESC")
    )
    share = counts.cumsum() / counts.sum()
    assert share[len(counts) // 10] == pytest.approx(0.65, abs=0.08)
    assert share[len(counts) // 2] == pytest.approx(0.95, abs=0.03)


def test_as_many_sellers_fall_quiet_as_measured(tables: duckdb.DuckDBPyConnection) -> None:
    quiet = one(
        tables,
        "WITH quarters AS (SELECT DISTINCT seller_id, date_trunc('quarter', sold) AS quarter FROM sales) "
        "SELECT avg(CAST(b.seller_id IS NULL AS INT)) FROM quarters AS a LEFT JOIN quarters AS b "
        "ON a.seller_id = b.seller_id AND b.quarter = a.quarter + INTERVAL 3 MONTH WHERE year(a.quarter) = 2017",
    )[0]
    assert quiet == pytest.approx(m.QUIET_NEXT_QUARTER, abs=0.04)


def test_reviews_follow_delays(tables: duckdb.DuckDBPyConnection) -> None:
    in_time, late = column(
        tables,
        "SELECT avg(review_score) FROM orders JOIN order_reviews USING (order_id) WHERE order_status = 'delivered' "
        "GROUP BY order_delivered_customer_date > order_estimated_delivery_date + INTERVAL 3 DAY "
        "ORDER BY order_delivered_customer_date > order_estimated_delivery_date + INTERVAL 3 DAY",
    )
    assert in_time > 4.1 and late < 2.2


def test_payments_add_up_to_what_the_order_costs(tables: duckdb.DuckDBPyConnection) -> None:
    query = (
        "SELECT max(abs(paid - cost)) FROM (SELECT order_id, sum(payment_value) AS paid FROM order_payments GROUP BY 1) "
        "JOIN (SELECT order_id, sum(price + freight_value) AS cost FROM order_items GROUP BY 1) USING (order_id)"
    )
    assert one(tables, query)[0] < 0.006


def test_steps_of_an_order_come_one_after_the_other(tables: duckdb.DuckDBPyConnection) -> None:
    wrong = one(
        tables,
        "SELECT count(*) FROM orders WHERE order_approved_at < order_purchase_timestamp "
        "OR order_delivered_carrier_date < order_approved_at OR order_delivered_customer_date < order_delivered_carrier_date",
    )[0]
    assert wrong == 0


def test_nobody_sells_before_the_start_or_after_leaving(tables: duckdb.DuckDBPyConnection) -> None:
    query = (
        'SELECT count(*) FILTER (sold < started), count(*) FILTER (sold >= "left"), count(DISTINCT seller_id), '
        'count(DISTINCT seller_id) FILTER ("left" IS NOT NULL) FROM sales JOIN true_sellers USING (seller_id)'
    )
    early, after, sellers, left = one(tables, query)
    assert (early, after, sellers) == (0, 0, SELLERS)
    assert 0.1 * SELLERS < left < 0.6 * SELLERS


def test_the_churn_label_is_what_the_orders_show(tables: duckdb.DuckDBPyConnection) -> None:
    rows, same = one(
        tables,
        "WITH seen AS (SELECT reference_date, seller_id, label, recency_days, "
        "max(sold) FILTER (sold < reference_date) AS last, "
        "min(sold) FILTER (sold >= reference_date) AS next FROM true_churn JOIN sales USING (seller_id) "
        "WHERE label IS NOT NULL GROUP BY ALL) "
        "SELECT count(*), count(*) FILTER (recency_days = date_diff('day', last, reference_date) AND "
        "label = CAST(next IS NULL OR next >= reference_date + to_days(CAST(45 - recency_days AS INTEGER)) AS INT)) FROM seen",
    )
    assert rows == same and rows > 3_000


def test_planted_churn_probabilities_are_calibrated(tables: duckdb.DuckDBPyConnection) -> None:
    bins = tables.execute(
        "SELECT avg(label), avg(probability), count(*) FROM true_churn WHERE label IS NOT NULL "
        "GROUP BY least(floor(probability * 5), 4)"
    ).fetchall()
    assert len(bins) == 5
    for happened, planted, rows in bins:
        assert happened == pytest.approx(planted, abs=0.02 + 3 * np.sqrt(planted * (1 - planted) / rows))


@pytest.mark.parametrize(
    "cause", ["bad_reviews", "late_deliveries", "falling_sales", "category", "photo_quality", "new_seller"]
)
def test_each_named_cause_moves_the_sellers_that_leave(tables: duckdb.DuckDBPyConnection, cause: str) -> None:
    query = (
        f"SELECT avg(cause_{cause}) FILTER (leaves) - avg(cause_{cause}) FILTER (NOT leaves), "
        f"stddev(cause_{cause}) / sqrt(count(*) FILTER (leaves)) FROM true_churn AS t JOIN true_sellers AS s USING (seller_id) "
        f'WHERE s."left" IS NULL OR s."left" >= t.reference_date'
    )
    difference, error = one(tables, query)
    assert difference > 2 * error


def test_knowing_the_photos_helps_to_tell_who_leaves(report: SimulationReport) -> None:
    churn = report.bounds["churn"]
    assert churn["auc"] > churn["without_photos"]["auc"] + 0.003


def test_photo_quality_in_the_product_attributes_is_the_cause_that_was_planted(
    tables: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    tables.execute(f"CREATE VIEW attributes AS SELECT * FROM read_parquet('{folder / 'product_attributes.parquet'}')")
    query = (
        "SELECT corr(level, photo_quality) FROM (SELECT seller_id, avg(CASE value WHEN '{low}' THEN -1 WHEN '{high}' THEN 1 "
        "ELSE 0 END) AS level FROM attributes JOIN order_items USING (product_id) WHERE attribute = '{attribute}' GROUP BY 1) "
        "JOIN true_sellers USING (seller_id)"
    )
    assert one(tables, query.format(attribute="photo_quality", low="poor", high="good"))[0] > 0.6
    assert abs(one(tables, query.format(attribute="heel_height", low="flat", high="high"))[0]) < 0.1
    too_late = (
        "SELECT count(*) FROM attributes JOIN order_items USING (product_id) JOIN orders USING (order_id) "
        "WHERE known_at >= order_purchase_timestamp"
    )
    assert one(tables, too_late)[0] == 0


def test_late_deliveries_happen_as_often_as_planted(
    tables: duckdb.DuckDBPyConnection, report: SimulationReport
) -> None:
    rows = tables.execute(
        "SELECT probability, late, order_delivered_customer_date > order_estimated_delivery_date "
        "FROM true_delay JOIN orders USING (order_id) WHERE late IS NOT NULL"
    ).fetchall()
    probability, late, seen = (np.array(values) for values in zip(*rows, strict=True))
    assert np.array_equal(late, seen)
    assert late.mean() == pytest.approx(probability.mean(), abs=0.005)
    bound = report.bounds["delay"]
    assert bound["auc"] == pytest.approx(roc_auc_score(late, probability), abs=1e-4)
    assert bound["low"] < bound["auc"] < bound["high"] and bound["rows"] == len(late)
    # parcels that get lost do so at random, so counting them as late makes the task harder
    assert bound["never_delivered_is_late"]["auc"] < bound["auc"]


def test_deals_sell_as_often_as_planted(tables: duckdb.DuckDBPyConnection) -> None:
    query = (
        "SELECT avg(CAST(first_sale IS NOT NULL AS INT)), avg(probability), count(*) FROM true_activation "
        "WHERE won_date < '2018-03-01' GROUP BY probability > 0.5 ORDER BY probability > 0.5"
    )
    for happened, planted, rows in tables.execute(query).fetchall():
        # some first sales come after the last month, so a little fewer than planted
        assert planted - 0.12 - 2 * np.sqrt(0.25 / rows) < happened < planted + 2 * np.sqrt(0.25 / rows)
    mismatched = one(
        tables,
        "SELECT count(*) FROM true_activation AS t LEFT JOIN (SELECT seller_id, min(sold) AS first FROM sales GROUP BY 1) AS s "
        "USING (seller_id) WHERE t.first_sale IS DISTINCT FROM s.first",
    )[0]
    assert mismatched == 0


def test_bounds_are_written_beside_the_files(folder: Path, report: SimulationReport) -> None:
    assert json.loads((folder / "truth" / "bounds.json").read_text(encoding="utf-8")) == report.bounds


def test_area_under_curve_is_the_field_s() -> None:
    rng = np.random.default_rng(3)
    probability = rng.beta(1, 3, 5_000).round(3)
    label = rng.random(5_000) < probability
    area = AreaUnderCurve()
    area.add(probability[:2_000], label[:2_000])
    area.add(probability[2_000:], label[2_000:])
    found = area.as_dict()
    assert found["auc"] == pytest.approx(roc_auc_score(label, probability), abs=1e-12)
    resampled = [roc_auc_score(label[rows], probability[rows]) for rows in rng.integers(0, 5_000, (200, 5_000))]
    assert found["high"] - found["auc"] == pytest.approx(1.96 * np.std(resampled), rel=0.2)

"""The look-ahead detector finds what sees the future, and the laws find wrong arithmetic: seed 4's defects, rebuilt."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_market import drawn_deals, drawn_orders, make_market

from command import vitrine
from vitrine.errors import InputError, NotFound
from vitrine.market import lookahead as module
from vitrine.market import make_abt
from vitrine.market.duck import DuckDB
from vitrine.market.grid import grid
from vitrine.market.home import Market
from vitrine.market.lookahead import POPULATION, Lookahead, lookahead
from vitrine.market.queries import compute, sql
from vitrine.market.worlds import world

DAYS = [date(2017, 6, 1), date(2017, 9, 1)]

# The join of orders and items as seed 4's queries begin: orders of before the date, with all that the row says today.
SEED = """
SELECT d.reference_date, s.seller_id, 'lifetime' AS window_name, {columns}
FROM reference_dates AS d
JOIN sale AS s ON s.purchased_at < d.reference_date
{joins}
GROUP BY d.reference_date, s.seller_id
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    market = make_market(tmp_path_factory.mktemp("market"), drawn_orders(5, count=900), drawn_deals(5))
    market.features.build(grid("2017-03", "2017-12"))
    return market


def looked(market: Market, columns: str, joins: str = "", days: list[date] = DAYS) -> Lookahead:
    return lookahead(market.features, days, queries={"seed": SEED.format(columns=columns, joins=joins)})


def test_no_feature_of_sellers_orders_and_deals_sees_the_future(market: Market) -> None:
    report = lookahead(market.features, [date(2017, 5, 1), date(2017, 10, 1)])
    assert report.leaks == ()
    assert report.unsound == ()
    assert report.not_checked == {}
    assert report.checked > 450


def test_deliveries_of_later_are_caught_with_what_they_would_have_bought(market: Market) -> None:
    """L1: coalesce(delivered, date) keeps the real later delivery date."""
    late = (
        "avg(CASE WHEN CAST(coalesce(s.delivered_at, d.reference_date) AS DATE) > s.promised_on THEN 1e0 ELSE 0e0 END)"
    )
    report = looked(market, f"{late} AS delivery_late_share, count(*) AS orders")
    assert {leak.feature for leak in report.leaks} == {"delivery_late_share"}
    assert {leak.reference_date for leak in report.leaks} == set(DAYS)
    for leak in report.leaks:
        assert 0 < leak.rows <= leak.of_rows
        assert 0 < leak.largest <= 1
        assert leak.auc_gain is not None


def test_the_final_status_is_caught(market: Market) -> None:
    """L1: a status has no time; today's says what became of the order."""
    report = looked(market, "avg(CASE WHEN s.ended_cancelled THEN 1e0 ELSE 0e0 END) AS delivery_cancelled_share")
    assert {leak.feature for leak in report.leaks} == {"delivery_cancelled_share"}


def test_reviews_of_later_are_caught(market: Market) -> None:
    """L2: no filter on the review's date."""
    report = looked(
        market,
        "avg(r.review_score) AS reviews_score_mean, count(r.review_score) AS reviews_count, max(s.revenue) AS dearest",
        "LEFT JOIN order_reviews AS r ON r.order_id = s.order_id",
    )
    assert {leak.feature for leak in report.leaks} == {"reviews_score_mean", "reviews_count"}
    unknown = next(leak for leak in report.leaks if leak.feature == "reviews_score_mean")
    assert unknown.largest == float("inf")  # a number where nothing was known


def test_a_population_of_later_is_caught(market: Market) -> None:
    everybody = SEED.replace("s.purchased_at < d.reference_date", "s.purchased_at < d.reference_date + 30")
    text = everybody.format(columns="min(s.price_min) AS cheapest", joins="")
    report = lookahead(market.features, DAYS, queries={"seed": text})
    assert {leak.feature for leak in report.leaks} >= {POPULATION}


def test_a_leak_that_tells_the_label_buys_auc(market: Market) -> None:
    """The number of sales in the next 45 days is churn itself, nearly."""
    text = """
    SELECT p.reference_date, p.seller_id, 'lifetime' AS window_name, count(s.order_id) AS sales_to_come,
        p.days_since_last_sale AS sales_days_since_last_sale
    FROM population AS p
    LEFT JOIN sale AS s ON s.seller_id = p.seller_id
        AND s.purchased_at >= p.reference_date AND s.purchased_at < p.reference_date + 45
    GROUP BY p.reference_date, p.seller_id, p.days_since_last_sale
    """
    report = lookahead(market.features, grid("2017-03", "2017-11"), queries={"seed": text})
    assert {leak.feature for leak in report.leaks} == {"sales_to_come"}
    assert all(leak.auc_gain is not None and leak.auc_gain > 0.2 for leak in report.leaks)


def test_division_of_whole_numbers_breaks_a_law(market: Market) -> None:
    """L4: SQLite's count/count drops the fraction; nothing looks ahead, and it is still wrong."""
    columns = (
        "sum(CASE WHEN s.delivered_at < d.reference_date THEN 1 ELSE 0 END) {divided} count(*)"
        " AS delivery_delivered_share_lifetime, count(*) AS sales_orders_lifetime"
    )
    wrong = looked(market, columns.format(divided="//"))
    assert wrong.leaks == ()
    assert {one.feature for one in wrong.unsound} == {"delivery_delivered_share_lifetime"}
    assert all(one.found < one.expected for one in wrong.unsound)
    assert looked(market, columns.format(divided="/")).unsound == ()


def test_a_payment_counted_in_full_for_each_seller_breaks_a_law(market: Market) -> None:
    """L8: the payment of an order with several sellers goes in full to each."""
    paid = "AND s.approved_at < d.reference_date JOIN order_payments AS p ON p.order_id = s.order_id"
    wrong = looked(market, "sum(p.payment_value) AS payments_value_lifetime", paid)
    assert wrong.leaks == ()
    assert {one.feature for one in wrong.unsound} == {"payments_value_lifetime"}
    assert all(one.found > one.expected for one in wrong.unsound)
    shared = looked(market, "sum(p.payment_value * s.value_share) AS payments_value_lifetime", paid)
    assert shared.unsound == ()


def test_a_feature_of_an_order_that_reads_its_delivery_is_caught(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published notebooks' best feature for delay is the review, written after the delivery."""
    leaky = f"""
    SELECT o.*, epoch(s.delivered_at) - epoch(o.purchased_at) AS order_delivery_seconds
    FROM ({sql("order")}) AS o JOIN sale AS s ON s.order_id = o.order_id AND s.seller_id = o.seller_id
    """
    real = make_abt.sql
    monkeypatch.setattr(make_abt, "sql", lambda name: leaky if name == "order" else real(name))
    report = lookahead(market.features, [date(2017, 10, 1)])
    assert {leak.feature for leak in report.leaks} == {"order_delivery_seconds"}
    assert report.leaks[0].task == "delay"
    assert report.leaks[0].auc_gain is not None and report.leaks[0].auc_gain > 0.1


def test_a_store_that_was_tampered_with_is_caught_and_the_command_exits_1(tmp_path: Path) -> None:
    market = make_market(tmp_path, drawn_orders(6, count=200))
    market.features.build(DAYS[:1])
    path = market.features.path(DAYS[0])
    table = pq.read_table(path, partitioning=None)
    at = table.column_names.index("reviews_count_lifetime")
    more = pa.array(np.asarray(table.column(at)) + 1)
    pq.write_table(table.set_column(at, "reviews_count_lifetime", more), path)
    found = vitrine("market", "lookahead", "--json", "-w", tmp_path, expect=1)
    leaks = json.loads(found.stdout)["leaks"]
    assert [(leak["feature"], leak["reference_date"]) for leak in leaks] == [("reviews_count_lifetime", str(DAYS[0]))]
    assert leaks[0]["rows"] == table.num_rows
    assert leaks[0]["largest"] == 1
    assert set(json.loads(found.stdout)["not_checked"]) == {"activation"}


def test_nothing_to_check_is_an_error(tmp_path: Path) -> None:
    market = make_market(tmp_path, drawn_orders(6, count=50))
    with pytest.raises(NotFound, match="no features"):
        lookahead(market.features)
    with pytest.raises(InputError, match="no reference date"):
        lookahead(market.features, [])


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=st.dates(date(2017, 2, 1), date(2017, 12, 1)), seed=st.integers(1, 10_000))
def test_whatever_the_future_the_features_stay(market: Market, day: date, seed: int) -> None:
    with market.sources.connect() as connection:
        now = compute(DuckDB(connection), [day])
        with world(connection, "mutated", day, seed=seed) as other:
            then = compute(other, [day])
    assert module.compare(now, {"mutated": then}, ("reference_date", "seller_id"), day, "churn") == []

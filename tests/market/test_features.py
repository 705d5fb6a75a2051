"""What the features say of a small marketplace whose orders are written out by hand."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from small_market import Order, make_market

from vitrine.market.duck import DuckDB
from vitrine.market.queries import compute

D = date(2017, 7, 1)

# Seed 4's features and what they are called here, besides payments, states and categories.
SEED_FEATURES = {
    "sales": "orders active_days items order_value_mean item_price_mean item_price_max item_price_min items_per_order "
    "order_value_min order_value_max interval_days",
    "reviews": "score_mean score_median score_min score_max reviewed_share",
    "customers": "states",
    "delivery": "late_share cancelled_share freight_mean freight_median freight_max freight_min "
    "approval_to_delivery_days_mean purchase_to_delivery_days_mean promise_margin_days_mean",
    "payments": "installments_mean installments_median installments_max installments_min",
    "products": "photos_mean volume_cm3_mean volume_cm3_median volume_cm3_min volume_cm3_max",
}
PAYMENTS = [
    f"payments_{kind}_{what}"
    for kind in ("boleto", "credit_card", "voucher", "debit_card")
    for what in ("count", "value", "count_share", "value_share")
]


def features(folder: Path, orders: list[Order], day: date = D) -> dict[str, dict[str, Any]]:
    """By seller the features at `day`."""
    market = make_market(folder, orders)
    with market.sources.connect() as connection:
        rows = compute(DuckDB(connection), [day]).to_pylist()
    return {row["seller_id"]: row for row in rows}


def bought(days_before: int, **more: Any) -> Order:
    when = D - timedelta(days=days_before)
    return Order(more.pop("id", f"o{days_before}"), f"{when} 12:00:00", **more)


def test_every_feature_of_the_seed_is_there(tmp_path: Path) -> None:
    names = set(features(tmp_path, [bought(1)])["s1"])
    wanted = {f"{group}_{name}_180d" for group, names in SEED_FEATURES.items() for name in names.split()}
    wanted |= {f"{name}_180d" for name in PAYMENTS}
    wanted |= {"sales_days_since_last_sale", "sales_days_since_first_sale", "sales_revenue_lifetime"}
    assert wanted <= names
    assert len([name for name in names if name.startswith("customers_state_") and name.endswith("_share_180d")]) == 27
    assert len([name for name in names if name.startswith("products_category_") and "_share_180d" in name]) == 15


def test_a_window_holds_exactly_its_days_before_the_reference_date(tmp_path: Path) -> None:
    orders = [bought(days) for days in (1, 28, 29, 56, 57, 180, 181)]
    orders.append(Order("today", f"{D} 00:00:00"))
    row = features(tmp_path, orders)["s1"]
    assert [row[f"sales_orders_{window}"] for window in ("28d", "56d", "180d", "lifetime")] == [2, 4, 6, 7]
    assert row["sales_revenue_28d"] == 200
    assert row["sales_days_since_last_sale"] == 1
    assert row["sales_days_since_first_sale"] == 181


def test_the_trend_compares_with_the_window_before(tmp_path: Path) -> None:
    row = features(tmp_path, [bought(1), bought(2), bought(3), bought(30)])["s1"]
    assert row["sales_orders_trend_28d"] == pytest.approx((3 - 1) / 4)
    assert row["sales_orders_share_28d"] == pytest.approx(3 / 4)


def test_shares_keep_their_fractions(tmp_path: Path) -> None:
    orders = [bought(1, state="SP"), bought(2, state="RJ"), bought(3, state="RJ")]
    row = features(tmp_path, orders)["s1"]
    assert row["customers_state_rj_share_lifetime"] == pytest.approx(2 / 3)
    assert row["customers_same_state_share_28d"] == pytest.approx(1 / 3)
    assert row["customers_state_concentration_28d"] == pytest.approx(5 / 9)


def test_a_delivery_of_later_is_unknown_and_a_broken_promise_is_known(tmp_path: Path) -> None:
    later = str(D + timedelta(days=40))
    steps = {"approved": "2017-06-01 12:00:00", "shipped": "2017-06-02 12:00:00"}
    orders = [
        bought(30, **steps, delivered=f"{later} 10:00:00", promised="2017-06-20"),
        bought(29, approved="2017-06-02 12:00:00", delivered="2017-06-12 12:00:00", promised="2017-06-12"),
    ]
    row = features(tmp_path, orders)["s1"]
    assert row["delivery_late_share_lifetime"] == 0.5  # delivered on the promised day is in time
    assert row["delivery_overdue_share_lifetime"] == 0.5
    assert row["delivery_purchase_to_delivery_days_mean_lifetime"] == pytest.approx(10)


def test_a_promise_that_is_still_open_is_neither_kept_nor_broken(tmp_path: Path) -> None:
    row = features(tmp_path, [bought(3, promised=str(D))])["s1"]
    assert row["delivery_late_share_lifetime"] is None
    assert row["delivery_overdue_share_lifetime"] == 0


def test_a_cancellation_is_known_60_days_after_the_promise_and_not_before(tmp_path: Path) -> None:
    row = features(tmp_path / "a", [bought(100, status="canceled", promised=str(D - timedelta(days=60)))])["s1"]
    assert row["delivery_cancelled_share_lifetime"] is None
    row = features(tmp_path / "b", [bought(100, status="canceled", promised=str(D - timedelta(days=61)))])["s1"]
    assert row["delivery_cancelled_share_lifetime"] == 1


def test_a_review_counts_from_its_answer_on(tmp_path: Path) -> None:
    before, after = str(D - timedelta(days=1)), str(D + timedelta(days=1))
    orders = [
        bought(20, reviews=[(1, before, f"{after} 10:00:00")]),
        bought(21, reviews=[(4, before, f"{before} 23:59:00")]),
    ]
    row = features(tmp_path, orders)["s1"]
    assert row["reviews_count_28d"] == 1
    assert row["reviews_score_mean_28d"] == 4
    assert row["reviews_reviewed_share_28d"] == 0.5


def test_a_payment_of_two_sellers_is_shared_by_value(tmp_path: Path) -> None:
    items = [("s1", "p1", 80.0, 10.0), ("s2", "p2", 25.0, 5.0)]
    paid = [("voucher", 1, 20.0), ("credit_card", 3, 100.0)]
    found = features(tmp_path, [bought(5, items=items, approved="2017-06-27 10:00:00", payments=paid)])
    assert found["s1"]["payments_value_28d"] == pytest.approx(90)
    assert found["s2"]["payments_value_28d"] == pytest.approx(30)
    assert found["s2"]["payments_voucher_value_28d"] == pytest.approx(5)
    assert found["s2"]["payments_voucher_value_share_28d"] == pytest.approx(1 / 6)
    assert found["s1"]["payments_installments_max_28d"] == 3


def test_a_payment_not_approved_yet_is_unknown(tmp_path: Path) -> None:
    row = features(tmp_path, [bought(2, approved=f"{D} 00:00:00"), bought(9, approved="2017-06-23 00:00:00")])["s1"]
    assert row["payments_value_28d"] == pytest.approx(110)


def test_only_sellers_with_a_known_sale_have_features(tmp_path: Path) -> None:
    later = Order("later", f"{D} 00:00:00", items=[("s2", "p1", 50.0, 5.0)])
    assert set(features(tmp_path, [bought(300), later])) == {"s1"}


def test_the_price_position_compares_with_what_the_category_costs(tmp_path: Path) -> None:
    orders = [
        bought(1, items=[("s1", "p1", 50.0, 5.0)]),
        bought(2, items=[("s2", "p1", 150.0, 5.0)]),
        Order("later", f"{D} 10:00:00", items=[("s2", "p1", 9000.0, 5.0)]),
    ]
    found = features(tmp_path, orders)
    assert found["s1"]["products_price_position_28d"] == pytest.approx(0.5)
    assert found["s2"]["products_price_position_28d"] == pytest.approx(1.5)

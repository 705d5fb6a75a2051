"""The base tables: who is in them, what the label says, and what is left out."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from small_market import Deal, Order, drawn_deals, drawn_orders, make_market

from vitrine.errors import InputError, MissingPart, NotFound, Refused
from vitrine.market.abt import Abt
from vitrine.market.grid import grid
from vitrine.market.home import Market
from vitrine.market.make_abt import AbtReport, check_population, make_abt, to_score
from vitrine.market.split import check_split, split

D = date(2017, 7, 1)


def sale(seller: str, days_after: int, **more: Any) -> Order:
    when = D + timedelta(days=days_after)
    return Order(f"{seller}{days_after}", f"{when} 12:00:00", [(seller, "p1", 10.0, 1.0)], **more)


def made(market: Market, task: str, **more: Any) -> AbtReport:
    return make_abt(market.data / "abt", market.features, task, **more)


def labels(report: AbtReport) -> dict[str, int]:
    table = report.abt.table
    return dict(zip(table.column(report.abt.entity).to_pylist(), table.column("label").to_pylist(), strict=True))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Market:
    market = make_market(tmp_path_factory.mktemp("drawn"), drawn_orders(3, count=600), drawn_deals(3))
    market.features.build(grid("2017-03", "2017-12"))
    return market


def test_churn_is_silence_for_the_rest_of_the_horizon(tmp_path: Path) -> None:
    orders = [
        *(sale("keeps", days) for days in (-10, 34)),  # 10 days silent: 35 are left, days 0 to 34
        *(sale("stops", days) for days in (-10, 35)),
        *(sale("last-day", days) for days in (-44, 0)),
        *(sale("gone", days) for days in (-45, 1)),  # no day is left: no longer active, and not in the table
        sale("end", 60),
    ]
    market = make_market(tmp_path, orders)
    market.features.build([D])
    report = made(market, "churn")
    assert labels(report) == {"keeps": 0, "stops": 1, "last-day": 0}
    assert report.left_out == {"not active": 1}


def test_the_column_that_sets_the_horizon_is_no_feature(drawn: Market) -> None:
    abt = made(drawn, "churn").abt
    assert "sales_days_since_last_sale" in abt.table.column_names
    assert "sales_days_since_last_sale" not in abt.features


def test_every_feature_group_reaches_the_base_table(drawn: Market) -> None:
    abt = made(drawn, "churn").abt
    groups = {name.partition("_")[0] for name in abt.features}
    assert groups == {"sales", "reviews", "customers", "delivery", "payments", "products"}
    stored = set(drawn.features.read().column_names)
    assert stored - set(abt.features) == {"reference_date", "seller_id", "sales_days_since_last_sale"}


def test_a_horizon_that_reaches_past_the_data_gives_no_label(drawn: Market) -> None:
    report = made(drawn, "churn")
    last = pc.max(drawn.sources.read("orders").column("order_purchase_timestamp")).as_py().date()
    assert max(report.abt.table.column("reference_date").to_pylist()) + timedelta(days=45) <= last + timedelta(days=1)
    assert report.left_out["immature"] > 0
    longer = made(drawn, "churn", horizon_days=120)
    assert longer.abt.horizon_days == 120
    assert max(longer.abt.table.column("reference_date").to_pylist()) + timedelta(days=120) <= last + timedelta(days=1)


def test_one_class_is_an_error_and_so_is_no_mature_row(tmp_path: Path) -> None:
    market = make_market(tmp_path, [sale("s1", -5), sale("s2", -3), sale("end", 70)])
    market.features.build([D])
    with pytest.raises(InputError, match="label is 1 in all 2 rows"):
        made(market, "churn")
    with pytest.raises(InputError, match="no row has its whole horizon of 90 days"):
        made(market, "churn", horizon_days=90)


def test_the_base_table_keeps_one_row_a_key_and_its_meaning(drawn: Market) -> None:
    for task, entity in (
        ("churn", "seller_id"),
        ("delay", "order_id"),
        ("activation", "seller_id"),
        ("segments", "seller_id"),
    ):
        report = made(drawn, task)
        again = Abt.read(report.path)
        assert again.abt_id == report.abt.abt_id == made(drawn, task).abt.abt_id
        assert (again.task, again.entity, again.time, again.group) == (task, entity, "reference_date", "seller_id")
        keys = again.table.select(["reference_date", entity]).to_pylist()
        assert len({tuple(key.values()) for key in keys}) == len(keys) == again.table.num_rows
        assert ("label" in again.table.column_names) == (task != "segments")


def test_delay_is_a_promise_that_was_not_kept_by_the_end_of_its_day(tmp_path: Path) -> None:
    promised = {"promised": str(D + timedelta(days=20))}
    orders = [
        sale("on-the-day", 0, delivered=f"{D + timedelta(days=20)} 23:00:00", **promised),
        sale("after", 0, delivered=f"{D + timedelta(days=21)} 00:00:00", **promised),
        sale("never", 0, status="shipped", **promised),
        sale("cancelled", 0, status="canceled", **promised),
        sale("far", 0, promised=str(D + timedelta(days=90)), delivered=f"{D + timedelta(days=3)} 10:00:00"),
        sale("young", 70, promised=str(D + timedelta(days=75)), delivered=f"{D + timedelta(days=72)} 10:00:00"),
    ]
    report = made(make_market(tmp_path, orders), "delay")
    assert labels(report) == {"on-the-day0": 0, "after0": 1, "never0": 1}
    assert report.left_out == {"cancelled": 1, "promise beyond the horizon": 1, "immature": 1}


def test_delay_knows_of_the_route_only_what_was_known_at_the_purchase(tmp_path: Path) -> None:
    known = {"promised": str(D)}
    orders = [
        sale("s1", -20, delivered=f"{D - timedelta(days=1)} 10:00:00", **known),
        sale("s2", -19, delivered=f"{D + timedelta(days=9)} 10:00:00", **known),  # late from the day after D on
        sale("asks", 0, promised=str(D + timedelta(days=9)), delivered=f"{D + timedelta(days=1)} 10:00:00"),
        sale("asks-later", 2, promised=str(D + timedelta(days=9)), delivered=f"{D + timedelta(days=3)} 10:00:00"),
        sale("end", 90, delivered=f"{D + timedelta(days=95)} 10:00:00"),
    ]
    table = made(make_market(tmp_path, orders), "delay").abt.table
    rows = {row["order_id"]: row for row in table.to_pylist()}
    assert (rows["asks0"]["route_outcomes"], rows["asks0"]["route_late_share"]) == (1, 0)
    assert rows["asks-later2"]["route_late_share"] == pytest.approx(1 / 3)
    assert rows["asks0"]["seller_late_share"] is None


def test_activation_is_a_first_sale_within_the_horizon(tmp_path: Path) -> None:
    won = f"{D} 15:00:00"
    orders = [sale("early", 30), sale("late", 61), sale("before", -3), sale("end", 100)]
    deals = [Deal(name, won) for name in ("early", "late", "before", "never")]
    deals.append(Deal("young", f"{D + timedelta(days=80)} 10:00:00"))
    report = made(make_market(tmp_path, orders, deals), "activation")
    assert labels(report) == {"early": 1, "late": 0, "never": 0}
    assert report.left_out == {"had sold before": 1, "immature": 1}
    assert set(report.abt.table.column("reference_date").to_pylist()) == {D + timedelta(days=1)}


def test_activation_without_leads_names_the_files(tmp_path: Path) -> None:
    orders = drawn_orders(1, count=30)
    market = make_market(tmp_path, orders)
    with pytest.raises(MissingPart, match=r"olist_closed_deals_dataset\.csv"):
        made(market, "activation")
    with pytest.raises(NotFound, match="features"):
        made(market, "churn")
    with pytest.raises(InputError, match="no task 'chrun'"):
        made(market, "chrun")


def test_scoring_has_the_population_of_training(drawn: Market) -> None:
    """Seed 4 trains on active sellers and scores everybody (L5)."""
    abt = made(drawn, "churn").abt
    rows = to_score(drawn.features, "churn")
    assert set(rows.column_names) >= set(abt.features)
    assert max(rows.column("sales_days_since_last_sale").to_pylist()) < 45
    everybody = drawn.features.read([rows.column("reference_date")[0].as_py()])
    assert 0 < rows.num_rows < everybody.num_rows
    check_population("churn", rows)
    with pytest.raises(Refused, match="last sale is 45 or more days old"):
        check_population("churn", everybody)


def test_scoring_takes_open_orders_and_deals(drawn: Market) -> None:
    at = date(2017, 12, 1)
    orders = to_score(drawn.features, "delay", at=at)
    known = {row["order_id"]: row for row in drawn.sources.read("orders").to_pylist()}
    for order in orders.column("order_id").to_pylist():
        row = known[order]
        assert row["order_purchase_timestamp"].date() < at
        assert row["order_delivered_customer_date"] is None or row["order_delivered_customer_date"].date() >= at
    assert orders.num_rows
    assert to_score(drawn.features, "activation", at=date(2017, 3, 1)).num_rows


def test_a_split_by_rows_and_one_without_embargo_are_refused(drawn: Market) -> None:
    """Seed 4 splits rows at random (L7) and trains on months after the out-of-time month (L6)."""
    abt = made(drawn, "churn").abt
    honest = split(abt)
    check_split(abt, honest)
    by_rows = honest.part.copy()
    before = [row for row, part in enumerate(by_rows) if part in ("train", "test")]
    by_rows[before] = ["test" if row % 5 == 0 else "train" for row in before]
    with pytest.raises(InputError, match="stand in train and in test"):
        check_split(abt, replace(honest, part=by_rows))
    embargoed = honest.part.copy()
    embargoed[embargoed == "embargo"] = "train"
    embargoed[embargoed == "test"] = "unused"
    with pytest.raises(InputError, match="reach past"):
        check_split(abt, replace(honest, part=embargoed))
    all_months = honest.part.copy()
    all_months[pc.equal(abt.table.column("reference_date"), pa.scalar(honest.later_from)).to_numpy() == 0] = "train"
    with pytest.raises(InputError):
        check_split(abt, replace(honest, part=all_months))

"""The feature store: what a build makes, skips, refuses, and what a kill leaves."""

import json
import signal
import subprocess
import time
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_market import Order, drawn_orders, make_market

from command import COMMAND, vitrine
from vitrine.errors import InputError, MissingPart, NotFound
from vitrine.market.grid import grid
from vitrine.market.home import Market

GRID = grid("2017-03", "2017-12")


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return make_market(tmp_path, drawn_orders(1))


def test_a_build_writes_a_row_a_seller_and_date_and_the_next_one_skips_them(market: Market) -> None:
    report = market.features.build(GRID)
    table = market.features.read()
    keys = {
        (row["reference_date"], row["seller_id"]) for row in table.select(["reference_date", "seller_id"]).to_pylist()
    }
    assert len(keys) == table.num_rows == report.rows
    assert (report.built, report.skipped) == (10, 0)
    assert sorted({day for day, _ in keys}) == GRID
    stamps = {day: market.features.path(day).stat().st_mtime_ns for day in GRID}
    again = market.features.build(GRID)
    assert (again.built, again.skipped, again.rows) == (0, 10, report.rows)
    assert stamps == {day: market.features.path(day).stat().st_mtime_ns for day in GRID}


def test_each_date_is_the_same_built_alone_or_with_others(market: Market, tmp_path: Path) -> None:
    market.features.build(GRID)
    alone = make_market(tmp_path / "alone", drawn_orders(1))
    alone.features.build([GRID[4]])
    one, other = alone.features.read(), market.features.read([GRID[4]])
    for row, same in zip(one.to_pylist(), other.to_pylist(), strict=True):
        assert row == pytest.approx(same, nan_ok=True)


def test_other_sources_make_the_features_anew(market: Market, tmp_path: Path) -> None:
    market.features.build(GRID[:2])
    make_market(tmp_path, drawn_orders(2))
    with pytest.raises(NotFound, match="made from the present sources"):
        market.features.read(GRID[:2])
    assert market.features.build(GRID[:2]).built == 2


def test_the_lineage_says_what_each_date_was_made_from(market: Market) -> None:
    market.features.build(GRID[:2])
    lineage = json.loads((market.features.folder / "lineage.json").read_text())
    assert set(lineage) == {str(day) for day in GRID[:2]}
    assert all(line["source_id"] == market.sources.source_id and line["sql_id"] for line in lineage.values())


def test_an_empty_month_keeps_the_sellers_of_before(tmp_path: Path) -> None:
    orders = [Order("a", "2017-01-10 10:00:00"), Order("b", "2017-06-10 10:00:00")]
    market = make_market(tmp_path, orders)
    market.features.build(grid("2017-02", "2017-06"))
    rows = market.features.read([date(2017, 5, 1)]).to_pylist()
    assert [(row["seller_id"], row["sales_orders_28d"], row["sales_orders_lifetime"]) for row in rows] == [("s1", 0, 1)]


@pytest.mark.parametrize(
    ("first", "last", "every", "said"),
    [
        ("2017-03", "2019-01", "month", "2018-.* lies beyond the data"),
        ("2016-01", "2017-03", "month", "2016-01-01 lies beyond the data"),
        ("2017-05", "2017-03", "month", "ends .* before it begins"),
        ("2017-03-02", "2017-05", "month", "not the first of a month"),
        ("yesterday", "2017-05", "month", "no date"),
        ("2017-03", "2017-05", "year", "no such step"),
    ],
)
def test_a_grid_that_makes_no_sense_is_named(market: Market, first: str, last: str, every: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        market.features.build(grid(first, last, every))


def test_weeks_and_days_are_counted_from_the_first_date() -> None:
    assert grid("2017-03-02", "2017-03-20", "week") == [date(2017, 3, 2), date(2017, 3, 9), date(2017, 3, 16)]
    assert len(grid("2017-03-02", "2017-03-20", "day")) == 19


def test_a_missing_table_is_named_by_its_file(tmp_path: Path) -> None:
    market = make_market(tmp_path, drawn_orders(1, count=50))
    (tmp_path / "official" / "olist_order_reviews_dataset.csv").unlink()
    market.ingest(tmp_path / "official")
    with pytest.raises(MissingPart, match=r"olist_order_reviews_dataset\.csv"):
        market.features.build(GRID[:1])


def test_a_damaged_file_is_built_again(market: Market) -> None:
    market.features.build(GRID[:3])
    path = market.features.path(GRID[1])
    path.write_bytes(path.read_bytes()[:1000])
    assert market.features.build(GRID[:3]).built == 1
    assert market.features.read(GRID[:3]).num_rows


def test_kill_9_leaves_whole_dates_and_the_next_build_goes_on(market: Market, tmp_path: Path) -> None:
    days = grid("2017-03-01", "2017-05-31", "day")
    dates = ["--from", str(days[0]), "--to", str(days[-1]), "--every", "day"]
    command = [*COMMAND, "market", "build", *dates, "-w", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while len(list(market.features.folder.glob("*/features.parquet"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = market.features.dates()
    assert 5 <= len(left) < len(days)
    for file in market.features.folder.glob("*/features.parquet"):
        assert pq.read_table(file, partitioning=None).num_rows
    report = market.features.build(days)
    assert (report.built, report.skipped) == (len(days) - len(left), len(left))
    assert not list(market.features.folder.glob("*/.features*"))


def test_the_command_prints_its_contract(market: Market, tmp_path: Path) -> None:
    command = ("market", "build", "--from", "2017-03")
    done = vitrine(*command, "--to", "2017-05", "--json", "-w", tmp_path)
    report = json.loads(done.stdout)
    assert {"reference_dates", "sellers", "features", "rows", "seconds", "store"} <= set(report)
    assert report["reference_dates"] == 3
    refused = vitrine(*command, "--to", "2030-01", "--json", folder=tmp_path, expect=2)
    assert json.loads(refused.stdout)["error"] == "bad-input"

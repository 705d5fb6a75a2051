"""The public marketplace tables come in, and each row that does not is explained."""

import csv
from pathlib import Path

import pytest

from vitrine.market.home import Market

pytestmark = pytest.mark.real

# Items and reviews were sampled apart from orders; nothing else in the files is at fault.
ORPHANS = {("order_items", "order_id is not in orders"): 8_400, ("order_reviews", "order_id is not in orders"): 5_100}


@pytest.fixture
def olist(real_data: Path) -> Path:
    if not (real_data / "olist").is_dir():
        pytest.skip(f"no marketplace tables at {real_data}; set VITRINE_TEST_DATA to the folder that has olist/")
    return real_data / "olist"


def rows_in(path: Path) -> int:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return sum(1 for _ in csv.reader(lines)) - 1


def test_every_row_is_kept_or_explained(olist: Path, tmp_path: Path) -> None:
    market = Market.open(tmp_path)
    report = market.ingest(olist)
    for name, table in report.tables.items():
        assert table.rows + table.rejected + table.repeated == rows_in(olist / table.file), name
    reasons = {(name, why): n for name, table in report.tables.items() for why, n in table.reasons.items()}
    assert reasons == ORPHANS
    assert market.sources.rejected().num_rows == sum(ORPHANS.values())
    assert report.lacking == {}


def test_known_peculiarities_are_kept_with_a_note(olist: Path, tmp_path: Path) -> None:
    tables = Market.open(tmp_path).ingest(olist).tables
    orders = tables["orders"].notes
    assert orders["customer_id is empty"] == 4_729
    assert sum(n for note, n in orders.items() if note.startswith("order_delivered_carrier_date lies before")) == 22
    assert any(note.startswith("seller_id is not in sellers") for note in tables["closed_deals"].notes)

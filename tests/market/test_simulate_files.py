"""The simulator's files: the same for a seed, in both formats, with faults that ingest finds, and nothing half-made."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from vitrine.errors import InputError
from vitrine.market.home import Market
from vitrine.market.simulate import simulate


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.csv"))}


def test_a_seed_gives_the_same_files_however_they_are_cut(tmp_path: Path) -> None:
    simulate(tmp_path / "a", sellers=150, orders=3_000, seed=3, faults=True, chunk=50_000)
    simulate(tmp_path / "b", sellers=150, orders=3_000, seed=3, faults=True, chunk=50_000)
    simulate(tmp_path / "c", sellers=150, orders=3_000, seed=3, chunk=50_000)
    simulate(tmp_path / "d", sellers=150, orders=3_000, seed=3, chunk=97)
    simulate(tmp_path / "e", sellers=150, orders=3_000, seed=4)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert content(tmp_path / "c") == content(tmp_path / "d")
    assert content(tmp_path / "c") != content(tmp_path / "e")
    for name in ("churn", "delay", "activation", "sellers"):
        c, d = (pq.read_table(tmp_path / one / "truth" / f"{name}.parquet") for one in ("c", "d"))
        assert c.equals(d), name


def test_parquet_and_csv_say_the_same(tmp_path: Path) -> None:
    ids = []
    for form in ("csv", "parquet"):
        simulate(tmp_path / form, sellers=120, orders=1_000, seed=5, form=form)
        (tmp_path / f"{form}-market").mkdir()
        ids.append(Market.open(tmp_path / f"{form}-market").ingest(tmp_path / form).tables)
    assert [one.content_id for one in ids[0].values()] == [one.content_id for one in ids[1].values()]


@pytest.mark.parametrize("chunk", [50_000, 333])
def test_ingest_rejects_exactly_what_was_planted(tmp_path: Path, chunk: int) -> None:
    report = simulate(tmp_path / "olist", sellers=300, orders=12_000, seed=11, faults=True, chunk=chunk)
    (tmp_path / "market").mkdir()
    market = Market.open(tmp_path / "market")
    ingested = market.ingest(tmp_path / "olist").tables
    planted = {(fault["table"], fault["kind"]): fault["rows"] for fault in report.faults}
    assert all(count > 5 for count in planted.values())
    found = {(name, reason): rows for name, one in ingested.items() for reason, rows in one.reasons.items()}
    found |= {(name, "repeated"): one.repeated for name, one in ingested.items() if one.repeated}
    commas = ingested["order_items"].notes["cells with a decimal comma, read as numbers"]
    found["order_items", "decimal comma"] = commas
    assert found == planted
    assert ingested["orders"].rows == 12_000


@pytest.mark.parametrize(
    ("sellers", "orders", "says"),
    [(5, 1_000, "too few to simulate"), (500, 600, "too few for 500 sellers"), (500, 20_000_000, "more than")],
)
def test_sizes_that_cannot_be_are_refused(tmp_path: Path, sellers: int, orders: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        simulate(tmp_path / "olist", sellers=sellers, orders=orders, seed=1)
    assert not (tmp_path / "olist").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        simulate(tmp_path, sellers=100, orders=400, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(("sellers", "orders"), [(100, 300), (700, 2_100)])
def test_the_smallest_sizes_come_in_whole(tmp_path: Path, sellers: int, orders: int) -> None:
    simulate(tmp_path / "olist", sellers=sellers, orders=orders, seed=1, form="parquet")
    (tmp_path / "market").mkdir()
    market = Market.open(tmp_path / "market")
    tables = market.ingest(tmp_path / "olist").tables
    assert tables["orders"].rows == orders
    assert sum(one.rejected + one.repeated for one in tables.values()) == 0
    with market.sources.connect() as connection:
        found = connection.execute("SELECT count(DISTINCT seller_id) FROM order_items").fetchall()
    assert found == [(sellers,)]

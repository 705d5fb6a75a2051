"""Order lines as people and programs send them: read, put aside with a reason, found again."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from vitrine.errors import InputError, NotFound
from vitrine.intake.table import TableRow, read_table
from vitrine.receive.orders import Orders, find_lines, keep_orders, order_line, read_orders
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import parse

BRANDS = parse(
    """
version = 1
[attributes.brand.values]
alba = {}
boreal = {}
"""
).attributes["brand"]
CSV = """order;line;supplier;sku;barcode;brand;qty;unit
7001;1;Norte;A-1;07891000315507;Alba;12;pairs
7001;2;Norte;A-2;;boreall;3;pr
7001;3;Sul;A-3;;Boreal;-4;pairs
7001;4;Sul;A-4;;Boreal;4;barrels
7001;5;Sul;A-5;;Boreal;4;box
7001;5;Sul;A-5;;Boreal;4;box
7001;6;Sul;A-6;;Alba;4;box
7001;6;Sul;A-6;;Boreal;4;box
7002;1;Leste;A-7;;Zephyr;1;caixa
;;;;;;;
7002;2;Leste;A-8;;Alba
"""


def read(path: Path) -> Orders:
    return read_orders(read_table(path), place=path.name, brands=BRANDS)


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    path = tmp_path / "orders.csv"
    path.write_text(CSV, encoding="utf-8")
    return read(path)


def test_what_can_be_used_is_used_and_the_rest_is_named(orders: Orders) -> None:
    assert [line.line_id for line in orders.lines] == ["7001/1", "7001/2", "7001/5", "7002/1"]
    assert [(one.row, one.code) for one in orders.problems] == [
        (3, "unknown-brand"),
        (4, "bad-quantity"),
        (5, "bad-unit"),
        (7, "duplicate-line"),
        (8, "contradicting-lines"),
        (9, "contradicting-lines"),
        (10, "unknown-brand"),
        (12, "bad-row"),
    ]
    by_row = {one.row: one.reason for one in orders.problems}
    assert "did you mean 'boreal'" in by_row[3]
    assert "'barrels'" in by_row[5] and "rows 8, 9" in by_row[8]
    assert [line.unit for line in orders.lines] == ["pair", "pair", "box", "box"]


@pytest.mark.parametrize("unit", [("barrels", "pairs"), ("pairs", "barrels")])
def test_a_line_is_put_aside_whole_where_one_of_its_rows_cannot_be_used(unit: tuple[str, str]) -> None:
    rows = [TableRow(n, {"line": "1", "quantity": 4, "unit": one}) for n, one in enumerate(unit, 2)]
    made = read_orders([*rows, TableRow(4, {"line": "2", "unit": "pairs"})], place="x")
    assert [line.line_id for line in made.lines] == ["2"]
    wrong = 2 + unit.index("barrels")
    assert {(one.row, one.code) for one in made.problems} == {(wrong, "bad-unit"), (5 - wrong, "contradicting-lines")}
    told = next(one for one in made.problems if one.code == "contradicting-lines").reason
    assert f"row {wrong} too" in told
    with pytest.raises(InputError, match="row 2"):
        made.line("1")


def test_a_line_is_named_by_order_and_number_or_by_what_is_unique(orders: Orders) -> None:
    assert orders.line("7001/2").sku == "A-2"
    assert orders.line("5").sku == "A-5"
    with pytest.raises(InputError, match="2 orders have a line '1': 7001/1, 7002/1"):
        orders.line("1")
    with pytest.raises(InputError, match=r"row 5: .*'barrels' is no unit"):
        orders.line("4")
    with pytest.raises(InputError, match="contradict each other"):
        orders.line("7001/6")
    with pytest.raises(NotFound, match="no line '99'"):
        orders.line("99")


def test_the_same_order_reads_the_same_from_every_kind_of_file(tmp_path: Path) -> None:
    header, row = ["line", "brand", "quantity", "barcode"], ["17", "Alba", "12", "7891000315507"]
    (tmp_path / "o.csv").write_text(",".join(header) + "\n" + ",".join(row) + "\n")
    (tmp_path / "o.tsv").write_text("\t".join(header) + "\n" + "\t".join(row) + "\n")
    table = {"line": [17], "brand": ["Alba"], "quantity": [12.0], "barcode": [7891000315507]}
    pq.write_table(pa.table(table), tmp_path / "o.parquet")
    book = Workbook()
    for cells in (header, [17, "Alba", 12, 7891000315507]):
        book.active.append(cells)
    book.save(tmp_path / "o.xlsx")
    made = [read(tmp_path / f"o.{ending}").lines[0] for ending in ("csv", "tsv", "parquet", "xlsx")]
    assert {(one.line_id, one.brand, one.quantity, one.barcode) for one in made} == {
        ("17", "Alba", 12.0, "7891000315507")
    }


def test_an_order_without_a_column_for_the_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_text("brand,quantity\nalba,1\n")
    with pytest.raises(InputError, match="no column tells the order lines apart"):
        read(path)


def test_a_kept_line_is_found_by_barcode_id_sku_and_words(orders: Orders, catalog_url: str) -> None:
    catalog = Catalog(catalog_url)
    assert keep_orders(catalog, orders, place="orders.csv") == 4
    assert keep_orders(catalog, orders, place="orders.csv") == 0, "the same order again brings nothing new"
    assert catalog.count(schema.quarantine) == len(orders.problems)
    for words in ("7891000315507", "07891000315507", "7001/1", "A-1", "norte alba"):
        assert [line.line_id for line in find_lines(catalog, words)] == ["7001/1"], words
    assert find_lines(catalog, "100%_") == []
    assert len(find_lines(catalog, "")) == 4
    assert order_line(catalog, "7002/1").brand == "Zephyr", "a brand that nobody learnt is ordered all the same"
    with pytest.raises(NotFound, match="no order line 'x'"):
        order_line(catalog, "x")
    catalog.close()


cells = st.one_of(st.none(), st.text(max_size=12), st.integers(), st.floats())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries({"line": cells, "quantity": cells, "unit": cells, "brand": cells}), max_size=8))
def test_every_row_is_used_or_named(rows: list[dict[str, object]]) -> None:
    made = read_orders((TableRow(n, row) for n, row in enumerate(rows, 1)), place="x", brands=BRANDS)
    aside = {one.row for one in made.problems if one.code != "unknown-brand"}
    assert len(aside) + len(made.lines) == len(rows)
    assert all(line.quantity is None or line.quantity > 0 for line in made.lines)
    assert len({line.line_id for line in made.lines}) == len(made.lines)

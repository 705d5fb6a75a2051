"""What ingest makes of the marketplace's files, good and bad."""

import json
from pathlib import Path

import pytest

from vitrine.errors import InputError, MissingPart, NotFound
from vitrine.market.home import Market

ORDERS = """order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,\
order_delivered_customer_date,order_estimated_delivery_date
o1,c1,delivered,2017-05-01 10:00:00,2017-05-01 10:10:00,2017-05-02 09:00:00,2017-05-06 15:00:00,2017-05-20
o2,,shipped,2017-05-02 10:00:00,2017-05-02 10:10:00,,,2017-05-21
o3,c9,created,2017-05-03 10:00:00,,,,2017-05-22
"""
ITEMS = """order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value
o1,1,p1,s1,2017-05-05 10:00:00,19.90,7.80
o1,2,p1,s1,2017-05-05 10:00:00,19.90,7.80
o2,1,p2,s2,2017-05-06 10:00:00,120.00,12.10
"""
CUSTOMERS = """customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state
c1,u1,9790,são bernardo do campo,SP
"""


@pytest.fixture
def market(tmp_path: Path) -> Market:
    (tmp_path / "market").mkdir()
    return Market.open(tmp_path / "market")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "olist"
    folder.mkdir()
    write(folder, orders=ORDERS, order_items=ITEMS, customers=CUSTOMERS)
    return folder


def write(folder: Path, **tables: str | bytes) -> None:
    for name, content in tables.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / f"olist_{name}_dataset.csv").write_bytes(data)


def rejected(market: Market) -> list[tuple[str, int, str, str, str]]:
    rows = market.sources.rejected().to_pylist()
    return [(row["table"], row["row"], row["column"], row["value"], row["reason"]) for row in rows]


def test_cells_get_the_types_of_the_schema(market: Market, files: Path) -> None:
    market.ingest(files)
    orders = market.sources.read("orders")
    assert str(orders.schema.field("order_purchase_timestamp").type) == "timestamp[us]"
    items = market.sources.read("order_items").to_pylist()
    assert [row["price"] for row in items] == [19.90, 19.90, 120.00]
    assert [row["order_item_id"] for row in items] == [1, 2, 1]


def test_a_zip_prefix_gets_back_the_zero_that_a_spreadsheet_dropped(market: Market, files: Path) -> None:
    market.ingest(files)
    assert market.sources.read("customers")["customer_zip_code_prefix"].to_pylist() == ["09790"]


def test_orders_without_a_known_customer_stay_and_are_counted(market: Market, files: Path) -> None:
    report = market.ingest(files)
    assert report.tables["orders"].rows == 3
    notes = report.tables["orders"].notes
    assert notes["customer_id is empty"] == 1
    assert [count for text, count in notes.items() if text.startswith("customer_id is not in customers")] == [1]


def test_connect_shows_each_present_table_under_its_name(market: Market, files: Path) -> None:
    market.ingest(files)
    with market.sources.connect() as connection:
        query = "SELECT count(*), sum(price) FROM orders JOIN order_items USING (order_id)"
        assert connection.execute(query).fetchall() == [(3, 159.8)]


def test_before_the_first_ingest_the_way_is_shown(market: Market) -> None:
    with pytest.raises(NotFound) as caught:
        _ = market.sources.source_id
    assert "vitrine market ingest" in caught.value.hint


def test_a_market_needs_a_folder_that_exists(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is no folder"):
        Market.open(tmp_path / "nowhere")


def test_a_task_without_its_tables_is_named(market: Market, files: Path) -> None:
    report = market.ingest(files)
    assert {"closed_deals", "marketing_qualified_leads"} <= set(report.lacking["activation"])
    assert "orders" not in report.lacking["activation"]
    with pytest.raises(MissingPart, match=r"olist_closed_deals_dataset\.csv"):
        market.sources.require("orders", "closed_deals")


def test_a_renamed_column_is_recognized(market: Market, files: Path) -> None:
    write(files, orders=ORDERS.replace("order_purchase_timestamp", "order_purchase_time"))
    with pytest.raises(InputError, match="has no column 'order_purchase_timestamp'") as caught:
        market.ingest(files)
    assert "'order_purchase_time' meant" in caught.value.hint


def test_spaces_around_the_names_of_columns_do_not_matter(market: Market, files: Path) -> None:
    path = files / "olist_customers_dataset.csv"
    header, rest = path.read_text(encoding="utf-8").split("\n", 1)
    path.write_text("\t" + header.replace(",", " , ") + "\n" + rest, encoding="utf-8")
    assert market.ingest(files).tables["customers"].rows > 0
    assert market.sources.read("customers").column_names[0] == "customer_id"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"order_id;order_id\n", "two columns"),
        (b"PK\x03\x04\x00\x00", "has no column 'order_id'"),
        (ORDERS.replace("\no2,", '\n"o2,').encode(), "never closed"),
    ],
)
def test_a_file_that_cannot_be_used_changes_nothing(market: Market, files: Path, content: bytes, says: str) -> None:
    before = market.ingest(files).source_id
    write(files, orders=content)
    with pytest.raises(InputError, match=says):
        market.ingest(files)
    assert market.sources.source_id == before
    assert market.sources.read("orders").num_rows == 3


def test_a_folder_without_files_says_what_it_has(market: Market, tmp_path: Path) -> None:
    (tmp_path / "photos.zip").touch()
    with pytest.raises(InputError, match=r"photos\.zip"):
        market.ingest(tmp_path)


def test_a_file_with_a_header_alone_is_an_empty_table(market: Market, files: Path) -> None:
    write(files, orders=ORDERS.splitlines()[0])
    report = market.ingest(files)
    assert report.tables["orders"].rows == 0
    assert report.tables["order_items"].reasons == {"order_id is not in orders": 3}


def test_exact_repetitions_collapse_and_contradictions_are_all_rejected(market: Market, files: Path) -> None:
    again = "o1,1,p1,s1,2017-05-05 10:00:00,19.90,7.80\n"
    dearer = "o2,1,p2,s2,2017-05-06 10:00:00,121.00,12.10\n"
    write(files, order_items=ITEMS + again + again + dearer)
    report = market.ingest(files).tables["order_items"]
    assert (report.rows, report.repeated, report.rejected) == (2, 2, 2)
    reason = "rows 4 and 7 give this key different contents"
    assert rejected(market) == [
        ("order_items", 4, "order_item_id", "o2, 1", reason),
        ("order_items", 7, "order_item_id", "o2, 1", reason),
    ]


@pytest.mark.parametrize(
    ("column", "old", "new", "reason"),
    [
        ("order_delivered_customer_date", "2017-05-06 15:00:00", "2017-04-30 15:00:00", "lies before order_purchase"),
        ("order_approved_at", "2017-05-01 10:10:00", "2017-02-30 10:10:00", "is no date and time"),
        ("order_purchase_timestamp", "2017-05-01 10:00:00", "", "is empty"),
        ("order_purchase_timestamp", "2017-05-01 10:00:00", "0017-05-01", "is no plausible year"),
        ("order_status", "delivered", "deliverd", "is none of created"),
    ],
)
def test_an_impossible_order_goes_with_its_items(
    market: Market, files: Path, column: str, old: str, new: str, reason: str
) -> None:
    write(files, orders=ORDERS.replace(f",{old},", f",{new},"))
    report = market.ingest(files)
    found = rejected(market)
    assert [row[:2] for row in found] == [("order_items", 2), ("order_items", 3), ("orders", 2)]
    assert found[2][2:4] == (column, new) and found[2][4].startswith(reason)
    assert report.tables["orders"].rows == 2


def test_a_promise_for_the_day_of_purchase_is_possible(market: Market, files: Path) -> None:
    write(files, orders=ORDERS.replace("2017-05-20", "2017-05-01"))
    assert market.ingest(files).tables["orders"].rejected == 0


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ("-19.90", "lies below 0"),
        ("nineteen", "is no amount of money"),
        ("inf", "is no amount of money"),
        ("", "is empty"),
    ],
)
def test_a_price_that_is_none_is_rejected_with_the_row_as_it_was(
    market: Market, files: Path, price: str, reason: str
) -> None:
    write(files, order_items=ITEMS.replace("120.00", price))
    market.ingest(files)
    assert rejected(market) == [("order_items", 4, "price", price, reason)]
    raw = json.loads(market.sources.rejected()["raw"][0].as_py())
    assert raw["order_id"] == "o2" and (raw["price"] or "") == price


@pytest.mark.parametrize(
    ("written", "meant"), [('"1.234,50"', 1234.5), ('"120,00"', 120.0), ("1e2", 100.0), (" 7.5 ", 7.5)]
)
def test_amounts_as_people_write_them(market: Market, files: Path, written: str, meant: float) -> None:
    write(files, order_items=ITEMS.replace("120.00", written))
    report = market.ingest(files).tables["order_items"]
    assert market.sources.read("order_items")["price"].to_pylist()[2] == meant
    assert report.notes.get("cells with a decimal comma, read as numbers", 0) == ("," in written)


def test_a_whole_number_may_carry_a_zero_fraction_but_no_other(market: Market, files: Path) -> None:
    write(files, order_items=ITEMS.replace("o1,2,", "o1,2.0,").replace("o2,1,", "o2,1.5,"))
    market.ingest(files)
    assert market.sources.read("order_items")["order_item_id"].to_pylist() == [1, 2]
    assert rejected(market) == [("order_items", 4, "order_item_id", "1.5", "is no whole number")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_accents_survive_any_usual_encoding(market: Market, files: Path, encoding: str) -> None:
    write(files, customers=CUSTOMERS.encode(encoding))
    notes = market.ingest(files).tables["customers"].notes
    assert market.sources.read("customers")["customer_city"].to_pylist() == ["são bernardo do campo"]
    assert bool(notes) == (encoding in ("latin-1", "cp1252"))


def test_a_file_of_two_encodings_keeps_its_accents(market: Market, files: Path) -> None:
    second = "c2,u2,01310,são paulo – centro,SP\n".encode("cp1252")
    write(files, customers=CUSTOMERS.encode() + second)
    notes = market.ingest(files).tables["customers"].notes
    cities = market.sources.read("customers")["customer_city"].to_pylist()
    assert cities == ["são bernardo do campo", "são paulo – centro"]
    assert notes == {"bytes that were not UTF-8, read as Windows-1252": 2}


def test_semicolons_and_brazilian_dates(market: Market, files: Path) -> None:
    text = ORDERS.replace(",", ";").replace("2017-05-03 10:00:00", "03/05/2017 10:00")
    write(files, orders=text)
    market.ingest(files)
    assert str(market.sources.read("orders")["order_purchase_timestamp"][2]) == "2017-05-03 10:00:00"


def test_rows_keep_their_numbers_around_broken_lines_and_quoted_newlines(market: Market, files: Path) -> None:
    reviews = (
        "review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,"
        "review_answer_timestamp\n"
        'r1,o1,5,,"boa\nqualidade; ""ótima""",2017-05-07,2017-05-08 10:00:00\n'
        "r2,o1,4,too,many,cells,2017-05-07,2017-05-08 10:00:00\n"
        "r3,o2,9,,,2017-05-07,2017-05-08 10:00:00\n"
        "r4,o2,3\n"
        "r5,o3,1,,,2017-05-07,\n"
    )
    write(files, order_reviews=reviews)
    market.ingest(files)
    assert [row[:3] + row[4:] for row in rejected(market)] == [
        ("order_reviews", 3, "", "8 cells where the header has 7 columns"),
        ("order_reviews", 4, "review_score", "lies above 5"),
        ("order_reviews", 5, "", "3 cells where the header has 7 columns"),
    ]
    kept = market.sources.read("order_reviews").to_pylist()
    assert [row["review_id"] for row in kept] == ["r1", "r5"]
    assert kept[0]["review_comment_message"] == 'boa\nqualidade; "ótima"'


def test_reviews_without_an_id_do_not_contradict_each_other(market: Market, files: Path) -> None:
    header = "review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,"
    first, second = ",o1,5,,,2017-05-07,2017-05-08\n", ",o1,1,,,2017-06-07,2017-06-08\n"
    write(files, order_reviews=header + "review_answer_timestamp\n" + first + second + first)
    report = market.ingest(files).tables["order_reviews"]
    assert (report.rows, report.repeated, report.rejected) == (2, 1, 0)


def test_the_same_files_are_nothing_new(market: Market, files: Path) -> None:
    first, second = market.ingest(files), market.ingest(files)
    assert first.changed and not second.changed
    assert first.source_id == second.source_id
    write(files, order_items=ITEMS.replace("120.00", "120.01"))
    assert market.ingest(files).source_id != first.source_id


def test_who_reads_the_tables_of_before_may_finish(market: Market, files: Path) -> None:
    seen = []
    for price in ("120.00", "121.00", "122.00"):
        write(files, order_items=ITEMS.replace("120.00", price))
        seen.append(market.ingest(files).source_id)
    assert {path.name for path in (market.data / "sources").glob("src-*")} == set(seen[1:])


def test_parquet_files_of_the_same_columns_are_taken_too(market: Market, files: Path, tmp_path: Path) -> None:
    market.ingest(files)
    other = tmp_path / "parquet"
    other.mkdir()
    for name in market.sources.tables:
        (other / f"{name}.parquet").write_bytes(market.sources.path(name).read_bytes())
    expected = {name: market.sources.read(name) for name in market.sources.tables}
    report = market.ingest(other)
    assert sum(one.rejected for one in report.tables.values()) == 0
    assert all(market.sources.read(name).equals(table) for name, table in expected.items())

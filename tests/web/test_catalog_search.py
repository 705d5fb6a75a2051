"""The catalog page's query on both databases: words without accents and case, and pages forth and back."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from small_desk import TAXONOMY, Desk, add_products
from vitrine.desk.decisions import Answer, decide
from vitrine.desk.fill import fill
from vitrine.intake.table import TableRow
from vitrine.receive.orders import find_lines, keep_orders, read_orders
from vitrine.records import Product, Queued
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.web.counted import Counted
from vitrine.web.queries.brands import brands
from vitrine.web.queries.search import Filters, search
from vitrine.web.queries.tallies import Tallies, tallies

MOMENT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    opened = Catalog(catalog_url)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("sandalia", ["A1", "A2"]),
        ("SANDÁLIA", ["A1", "A2"]),
        ("açaí sandalia", ["A1"]),
        ("acai", ["A1"]),
        ("Straße", ["B1"]),
        ("strasse", ["B1"]),
        ("ñandu", ["A2"]),
        ("a1", ["A1"]),
        ("100%", ["B1"]),
        ("_", []),
        ("%", ["B1"]),
        ("nothing", []),
    ],
)
def test_words_are_found_whatever_their_accents_and_case(catalog: Catalog, words: str, found: list[str]) -> None:
    rows = [
        Product("A1", None, "Sandália Açaí", None, "Solara", 1.0, MOMENT),
        Product("A2", "Ñandú", "SANDALIA", None, None, 1.0, MOMENT),
        Product("B1", None, "100% Straße", None, None, None, MOMENT),
    ]
    catalog.put(schema.products, rows)
    page = search(catalog, TAXONOMY, Filters(q=words))
    assert [card.sku for card in page.cards] == found


def test_a_product_is_found_by_its_new_name_alone(catalog: Catalog) -> None:
    catalog.put(schema.products, [Product("A1", None, "Sapato", None, None, None, MOMENT)])
    catalog.put(schema.products, [Product("A1", None, "Bota", None, None, None, MOMENT)])
    assert search(catalog, TAXONOMY, Filters(q="bota")).found == 1
    assert search(catalog, TAXONOMY, Filters(q="sapato")).found == 0


@pytest.mark.parametrize("filters", [{}, {"attribute": "color"}, {"q": "shoe"}], ids=str)
def test_pages_lead_back_the_way_they_came(catalog: Catalog, filters: dict[str, str]) -> None:
    add_products(catalog, [f"p{n:02d}" for n in range(23)])
    page = search(catalog, TAXONOMY, Filters(limit=5, **filters))
    assert page.previous_before is None
    forth = [page]
    while page.next_after is not None:
        after = {"after": page.next_after, "after_confidence": page.next_confidence}
        page = search(catalog, TAXONOMY, Filters(limit=5, **filters, **after))
        forth.append(page)
    assert sum(len(one.cards) for one in forth) == 23 == forth[-1].found
    back = [page]
    while page.previous_before is not None:
        before = {"before": page.previous_before, "before_confidence": page.previous_confidence}
        page = search(catalog, TAXONOMY, Filters(limit=5, **filters, **before))
        back.append(page)
    assert [one.cards for one in back[::-1]] == [one.cards for one in forth]
    assert [one.next_after for one in back[::-1]] == [one.next_after for one in forth]


def test_the_brands_are_listed_once_by_their_usual_spelling(catalog: Catalog) -> None:
    names = ["Açaí", "acai", "Açaí", "Zebra", None, "boreal"]
    catalog.put(schema.products, [Product(f"p{n}", None, None, None, b, None, MOMENT) for n, b in enumerate(names)])
    assert brands(catalog) == ["Açaí", "boreal", "Zebra"]


def test_order_lines_are_found_without_accents(catalog: Catalog) -> None:
    rows = [
        TableRow(2, {"line": "1", "description": "Sandália Açaí"}),
        TableRow(3, {"line": "2", "description": "Bota"}),
    ]
    keep_orders(catalog, read_orders(rows, place="orders.csv"), place="orders.csv")
    assert [line.line for line in find_lines(catalog, "SANDALIA acai")] == ["1"]


def test_the_overview_counts_the_same_on_both_databases(desk: Desk) -> None:
    with desk.catalog.transaction() as connection:
        some = schema.predictions.c.sku.in_(["p01", "p02", "p03"])
        connection.execute(schema.predictions.update().where(some).values(decision="published"))
    fill(desk.catalog, TAXONOMY)
    with desk.catalog.transaction() as connection:  # two of them are asked all the same, and one is answered
        asked = [Queued(sku, "color", "hd-color", "rare", 1, 0, None, 1.0, 1, False) for sku in ("p01", "p02")]
        desk.catalog.put(schema.queue, asked, connection=connection)
    answer = Answer("p02", "color", value="red", version=0)
    decide(desk.catalog, TAXONOMY, [answer], author="ana", batch_id="action-1")
    counted = tallies(desk.catalog, TAXONOMY.attributes)
    assert counted.every == {"color": 12, "heel": 12} and counted.published == {"color": 3, "heel": 3}
    assert counted.doubted.get("color") == 1 and counted.opened["color"] in (10, 11)
    assert [(one.attribute, one.outcome, one.n) for one in counted.touched] == [("color", "decided", 1)]
    assert Tallies.read(json.loads(json.dumps(counted.plain()))) == counted


def test_a_large_catalog_is_counted_once_for_all_processes(catalog: Catalog, tmp_path: Path) -> None:
    rows = [Product(f"p{n:05d}", None, None, None, None, None, MOMENT) for n in range(5_000)]
    catalog.put(schema.products, rows)
    file = tmp_path / "desk" / "tallies.json"
    first = Counted(catalog, file).tallies(TAXONOMY)
    assert first.without_photo == 5_000
    catalog.put(schema.products, [Product("one more", None, None, None, None, None, MOMENT)])
    assert Counted(catalog, file).tallies(TAXONOMY) == first, "another process shows what this one counted"
    file.write_text('{"champion": null, "made_at": 9e9', encoding="utf-8")
    assert Counted(catalog, file).tallies(TAXONOMY).without_photo == 5_001, "a torn file is counted anew"

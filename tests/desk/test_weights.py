"""Business weights: what they come from, that the queue asks by them, and that bad ones change nothing."""

from collections.abc import Sequence
from typing import Any

import pytest

from small_desk import TAXONOMY, Desk
from vitrine.config import Columns
from vitrine.desk import queue
from vitrine.desk.fill import fill
from vitrine.errors import InputError
from vitrine.intake.items import items_of_rows
from vitrine.intake.table import TableRow
from vitrine.intake.weigh import Weighed, weigh
from vitrine.stores import schema


def given(desk: Desk, rows: Sequence[tuple[Any, Any]]) -> Weighed:
    table = [TableRow(number, {"sku": sku, "sales": weight}) for number, (sku, weight) in enumerate(rows, 2)]
    return weigh(desk.catalog, table, key="sku", column="sales")


def order(desk: Desk) -> list[str]:
    fill(desk.catalog, TAXONOMY)
    items = queue.next_items(desk.catalog, TAXONOMY, "ana", attribute="color", count=20)
    queue.release(desk.catalog, "ana", [one.token for one in items])
    return [one.sku for one in items]


def weights(desk: Desk) -> dict[str, float]:
    return {row["sku"]: row["weight"] for row in desk.catalog.rows(schema.weights)}


def test_what_sells_is_asked_first(desk: Desk) -> None:
    assert order(desk)[0] == "p00"
    given(desk, [(f"p{n:02d}", 10_000 if n == 11 else 1) for n in range(12)])
    assert order(desk)[0] == "p11", "the surest of all, but it carries the business"
    item = queue.next_items(desk.catalog, TAXONOMY, "ana", attribute="color", count=1)[0]
    assert item.weight == 10_000


def test_a_family_weighs_what_its_products_weigh(desk: Desk) -> None:
    """p03 to p05 are one family: each alone weighs less than p08, together they weigh more."""
    given(desk, [(f"p{n:02d}", 40 if n in (3, 4, 5) else 80 if n == 8 else 1) for n in range(12)])
    assert order(desk)[:2] == ["p03", "p08"]


def test_weights_in_any_unit_give_the_same_order_and_equal_ones_change_nothing(desk: Desk) -> None:
    plain = order(desk)
    given(desk, [(f"p{n:02d}", 7) for n in range(12)])
    assert order(desk) == plain
    given(desk, [(f"p{n:02d}", n + 1) for n in range(6)])
    some = order(desk)
    given(desk, [(f"p{n:02d}", (n + 1) * 1_000) for n in range(6)])
    assert order(desk) == some
    given(desk, [(f"p{n:02d}", 0) for n in range(12)])
    assert order(desk) == plain, "all weighing nothing is as good as no weights"


def test_a_table_replaces_all_weights_and_names_what_it_cannot_use(desk: Desk) -> None:
    given(desk, [("p00", 5), ("p01", 6)])
    made = given(desk, [("p01", "12,5"), ("p02", "many"), ("p03", -1), ("nobody", 3), ("p04", ""), ("p01", 9)])
    assert weights(desk) == {"p01": 12.5} and made.products == 1
    said = [(one.row, one.code) for one in made.problems]
    assert said == [(3, "bad-weight"), (4, "bad-weight"), (5, "no-product"), (7, "twice")]


def test_a_table_without_a_usable_weight_leaves_them_as_they_were(desk: Desk) -> None:
    given(desk, [("p00", 5)])
    for rows in ([("p01", "x")], []):
        with pytest.raises(InputError, match="no weight that can be used"):
            given(desk, rows)
    with pytest.raises(InputError, match="no column 'sales'"):
        weigh(desk.catalog, [TableRow(2, {"sku": "p00", "pieces": 3})], key="sku", column="sales")
    assert weights(desk) == {"p00": 5.0}


def test_a_label_table_can_bring_weights_along() -> None:
    rows = [
        TableRow(2, {"sku": "a", "photo": "a.jpg", "business_weight": 12.0}),
        TableRow(3, {"sku": "b", "photo": "b.jpg", "business_weight": "heavy"}),
        TableRow(4, {"sku": "c", "photo": "c.jpg", "business_weight": None}),
    ]
    items = items_of_rows(rows, Columns(), TAXONOMY)
    assert {sku: one.fields.get("weight") for sku, one in items.by_sku.items()} == {"a": 12.0, "b": None, "c": None}
    assert [(one.row, one.code, one.value) for one in items.problems] == [(3, "bad-weight", "heavy")]

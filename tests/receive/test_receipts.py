"""The receipt log on both databases: one receipt is one, discrepancies are counted, and the desk is asked."""

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from small_desk import TAXONOMY, Desk
from vitrine.desk.decisions import Answer, decide
from vitrine.desk.fill import fill
from vitrine.desk.queue import next_items
from vitrine.errors import Conflict, InputError, NotFound
from vitrine.receive import log
from vitrine.receive.receipts import find_sent, handle, record
from vitrine.records import OrderLine, Receipt
from vitrine.stores import schema

MOMENT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
LINES = [
    OrderLine(
        f"l{n}", None, f"l{n}", "Norte" if n < 2 else "Sul", f"p0{n}", None, "red", "=1+1", 3, "pair", "t", MOMENT
    )
    for n in range(4)
]


def receipt(number: int, *, line: int = 0, answer: str = "mismatch", photo: str | None = None) -> Receipt:
    return Receipt(
        receipt_id=f"receipt-{number:04d}",
        line_id=f"l{line}",
        photo_id=photo or f"{number:064x}",
        sku=f"p0{line}",
        attribute="color",
        answer=answer,
        reason=f"brand_{answer}",
        brand="blue",
        confidence=0.9,
        expected="red",
        evidence='{"evidence": [], "probabilities": {}, "product": null, "notes": [], "promises": []}',
        model_id="md-1",
        person="ana",
        taken_at=MOMENT,
        received_at=MOMENT + timedelta(seconds=number),
    )


@pytest.fixture
def hall(desk: Desk) -> Desk:
    """The small desk with four order lines."""
    desk.catalog.put(schema.order_lines, LINES)
    return desk


def test_ten_times_the_same_receipt_at_once_is_one(hall: Desk) -> None:
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda _: record(hall.catalog, receipt(1)), range(10)))
    assert {one.receipt_id for one in made} == {"receipt-0001"}
    assert hall.catalog.count(schema.receipts) == 1
    assert find_sent(hall.catalog, "receipt-0001", "l0", f"{1:064x}") == made[0]
    assert find_sent(hall.catalog, "receipt-0002", "l0", f"{1:064x}") is None


def test_the_same_photo_of_the_same_line_under_another_id_is_the_same_receipt(hall: Desk) -> None:
    record(hall.catalog, receipt(1))
    again = record(hall.catalog, receipt(2, photo=f"{1:064x}"))
    assert again.receipt_id == "receipt-0001" and hall.catalog.count(schema.receipts) == 1
    other = record(hall.catalog, replace(receipt(3, photo=f"{1:064x}"), model_id="md-2"))
    assert other.receipt_id == "receipt-0003", "another model may say another thing"


def test_an_id_that_stands_for_another_photo_is_refused(hall: Desk) -> None:
    record(hall.catalog, receipt(1))
    with pytest.raises(Conflict, match="stands for another photo"):
        record(hall.catalog, receipt(1, photo="f" * 64))
    with pytest.raises(Conflict):
        find_sent(hall.catalog, "receipt-0001", "l1", f"{1:064x}")
    with pytest.raises(InputError, match="not 8 to 64"):
        find_sent(hall.catalog, "../../etc", "l1", "f" * 64)


def test_what_people_did_is_kept_and_the_last_word_holds(hall: Desk) -> None:
    record(hall.catalog, receipt(1))
    handle(hall.catalog, "receipt-0001", "set_aside", handling_id="handling-1", person="ana")
    assert log.receipt(hall.catalog, "receipt-0001").open
    for _ in range(3):  # the phone heard nothing and says it again
        handle(hall.catalog, "receipt-0001", "refused", handling_id="handling-2", person="bea", comment="no logo")
    entry = log.receipt(hall.catalog, "receipt-0001")
    assert (entry.action, entry.handled_by, entry.comment, entry.open) == ("refused", "bea", "no logo", False)
    assert hall.catalog.count(schema.handlings) == 2
    with pytest.raises(Conflict):
        handle(hall.catalog, "receipt-0001", "accepted", handling_id="handling-2", person="bea")
    with pytest.raises(NotFound):
        handle(hall.catalog, "receipt-9999", "accepted", handling_id="handling-3", person="bea")
    with pytest.raises(InputError, match="burned"):
        handle(hall.catalog, "receipt-0001", "burned", handling_id="handling-4", person="bea")


def test_discrepancies_are_counted_by_supplier_and_line(hall: Desk) -> None:
    for number, (line, answer) in enumerate(
        [(0, "mismatch"), (0, "match"), (1, "mismatch"), (2, "unknown"), (3, "match")]
    ):
        record(hall.catalog, receipt(number, line=line, answer=answer))
    handle(hall.catalog, "receipt-0000", "accepted", handling_id="handling-0", person="ana")
    norte, sul = log.tallies(hall.catalog, "supplier")
    assert (norte.key, norte.receipts, norte.matches, norte.mismatches) == ("Norte", 3, 1, 2)
    assert (norte.overruled, norte.open, norte.refused) == (1, 1, 0)
    assert (sul.key, sul.unknown, sul.mismatches) == ("Sul", 1, 0)
    assert [(one.key, one.mismatches) for one in log.tallies(hall.catalog, "line")][:2] == [("l0", 1), ("l1", 1)]
    assert [one.receipt.receipt_id for one in log.receipts(hall.catalog, only_open=True)] == ["receipt-0002"]


def test_the_log_is_read_page_after_page_and_exported_whole(hall: Desk, tmp_path: Path) -> None:
    for number in range(5):
        record(hall.catalog, replace(receipt(number, line=number % 2), received_at=MOMENT))
    seen: list[str] = []
    after = None
    while page := log.receipts(hall.catalog, after=after, most=2):
        seen += [one.receipt.receipt_id for one in page]
        after = page[-1].receipt.received_at, seen[-1]
    assert seen == [f"receipt-{n:04d}" for n in (4, 3, 2, 1, 0)]
    assert log.export_receipts(hall.catalog, tmp_path / "log.csv") == 5
    rows = list(csv.DictReader((tmp_path / "log.csv").open(encoding="utf-8-sig")))
    assert [row["receipt_id"] for row in rows] == sorted(seen)
    assert rows[0]["description"] == "'=1+1", "no cell is a formula"


def test_a_mismatch_asks_the_desk_about_the_product_until_it_is_answered(hall: Desk) -> None:
    record(hall.catalog, receipt(1, line=3))
    for _ in range(2):
        (item,) = next_items(hall.catalog, TAXONOMY, "bea", attribute="color", count=1)
        assert (item.sku, item.predicted) == ("p03", "red")
        with hall.catalog.transaction() as connection:
            connection.execute(sa.delete(schema.leases))
        fill(hall.catalog, TAXONOMY)  # as after the next classification
    reason = sa.select(schema.queue.c.reason).where(schema.queue.c.sku == "p03", schema.queue.c.attribute == "color")
    assert hall.catalog.read(reason).column("reason").to_pylist() == ["delivery"]
    answer = Answer("p03", "color", value="blue", version=0)
    decide(hall.catalog, TAXONOMY, [answer], author="bea", batch_id="batch-0001")
    fill(hall.catalog, TAXONOMY)
    assert next_items(hall.catalog, TAXONOMY, "eva", attribute="color", count=1)[0].sku != "p03"


def test_a_mismatch_of_what_the_catalog_does_not_know_asks_nobody(hall: Desk) -> None:
    before = hall.catalog.count(schema.queue)
    record(hall.catalog, replace(receipt(1), sku="unheard-of"))
    record(hall.catalog, replace(receipt(2), attribute=None))
    fill(hall.catalog, TAXONOMY)
    assert hall.catalog.count(schema.queue) == before

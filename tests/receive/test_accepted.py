"""What people did with deliveries: how the promise was kept, and which photos may prove it anew."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vitrine.receive.accepted import accepted, kept
from vitrine.receive.receipts import handle, record
from vitrine.records import OrderLine, Receipt
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

MOMENT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
BASIS = '{{"evidence": [], "probabilities": {{}}, "product": null, "notes": [{note}], "promises": []}}'


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    opened = Catalog(catalog_url)
    names = [(f"l{n}", f"p{n}" if n < 3 else None) for n in range(6)]
    lines = [OrderLine(line, None, line, None, sku, None, "alba", None, 1, "pair", "t", MOMENT) for line, sku in names]
    opened.put(schema.order_lines, lines)
    yield opened
    opened.close()


def deliver(catalog: Catalog, number: int, *actions: str, line: int, answer: str = "match", **more: object) -> None:
    """A receipt, and what was done with the delivery one after the other."""
    made = Receipt(
        receipt_id=f"receipt-{number:04d}", line_id=f"l{line}", photo_id=f"{number:064x}",
        sku=f"p{line}" if line < 3 else None, attribute="brand", answer=answer, reason="", brand="alba", confidence=0.9,
        expected="alba", evidence=BASIS.format(note=""), model_id="md-1", person="ana", taken_at=MOMENT,
        received_at=MOMENT + timedelta(seconds=number),
    )  # fmt: skip
    record(catalog, replace(made, **more))
    for place, action in enumerate(actions):
        handle(catalog, made.receipt_id, action, handling_id=f"handling-{number}-{place}", person="ana")


def test_the_last_word_on_a_delivery_counts_and_a_line_counts_once(catalog: Catalog) -> None:
    assert (kept(catalog).accepted, kept(catalog).upper) == (0, 1.0)
    deliver(catalog, 1, "accepted", line=0)
    deliver(catalog, 2, "accepted", line=0, answer="mismatch")
    deliver(catalog, 3, "refused", "accepted", line=1)
    deliver(catalog, 4, "accepted", "refused", line=2, answer="mismatch")
    deliver(catalog, 5, line=3, answer="mismatch")
    deliver(catalog, 6, "set_aside", line=4, answer="mismatch")
    found = kept(catalog)
    assert (found.accepted, found.false_alarms) == (2, 1)
    assert found.upper == pytest.approx(0.9747, abs=1e-3), "1 of 2, exact"


def test_accepted_photos_of_learnt_brands_may_prove_the_levels(catalog: Catalog) -> None:
    deliver(catalog, 1, "accepted", line=0)
    deliver(catalog, 2, "accepted", line=0)
    deliver(catalog, 3, "accepted", line=4)
    deliver(catalog, 4, "accepted", line=1, expected="zephyr")
    deliver(catalog, 5, "accepted", line=2, evidence=BASIS.format(note='"dark"'))
    deliver(catalog, 6, "refused", line=3)
    deliver(catalog, 7, "accepted", line=5, attribute=None, expected=None)
    found = accepted(catalog, "brand", ("alba", "boreal"))
    assert [(one.photo_id, one.brand, one.family) for one in found] == [
        (f"{3:064x}", "alba", "l4"), (f"{2:064x}", "alba", "p0"), (f"{1:064x}", "alba", "p0")
    ]  # fmt: skip

"""Read the receipt log: page by page, counted by supplier and line, and as a table to take away."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TextIO

import sqlalchemy as sa

from vitrine.desk.deliveries import MISMATCH
from vitrine.desk.trail import harmless
from vitrine.errors import NotFound, sentence
from vitrine.receive.receipts import ACCEPTED, MATCH, REFUSED, UNKNOWN
from vitrine.records import Receipt
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.stores.whole import whole

MOST_ON_A_PAGE = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """A receipt with its line and what was done last; `open` is a discrepancy that nobody accepted or refused yet."""

    receipt: Receipt
    order_id: str | None
    line: str
    supplier: str | None
    description: str | None
    action: str | None
    comment: str | None
    handled_by: str | None
    handled_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether a mismatch waits for somebody to accept or refuse the delivery."""
        return self.receipt.answer == MISMATCH and self.action not in (ACCEPTED, REFUSED)

    @property
    def evidence(self) -> dict[str, Any]:
        """What the answer rests on."""
        read: dict[str, Any] = json.loads(self.receipt.evidence)
        return read


@dataclass(frozen=True, slots=True)
class Tally:
    """Receipts of one supplier or line: how they were answered, and what people did.

    `overruled` are deliveries accepted although the photo was said to show another thing: false alarms, to people.
    """

    key: str | None
    receipts: int
    matches: int
    mismatches: int
    unknown: int
    refused: int
    overruled: int
    open: int


def receipt(catalog: Catalog, receipt_id: str) -> Entry:
    """One receipt; NotFound when there is none of this id."""
    rows = catalog.rows(_ENTRIES.where(schema.receipts.c.receipt_id == receipt_id))
    if not rows:
        raise NotFound(sentence("there is no receipt {receipt!r}", receipt=receipt_id[:80]))
    return _entry(rows[0])


def receipts(
    catalog: Catalog,
    *,
    answer: str | None = None,
    supplier: str | None = None,
    line_id: str | None = None,
    only_open: bool = False,
    after: tuple[datetime, str] | None = None,
    most: int = 60,
) -> list[Entry]:
    """Receipts, the newest first; `after` is when the last one of the page before was received, and its id."""
    table = schema.receipts
    wanted = {table.c.answer: answer, schema.order_lines.c.supplier: supplier, table.c.line_id: line_id}
    query = _ENTRIES.where(*(column == value for column, value in wanted.items() if value is not None))
    if only_open:
        query = query.where(_OPEN)
    if after is not None:
        moment, last = after
        earlier = (table.c.received_at == moment) & (table.c.receipt_id < last)
        query = query.where((table.c.received_at < moment) | earlier)
    newest = table.c.received_at.desc(), table.c.receipt_id.desc()
    return [_entry(row) for row in catalog.rows(query.order_by(*newest).limit(min(most, MOST_ON_A_PAGE)))]


def count_open(catalog: Catalog) -> int:
    """How many discrepancies wait for somebody to accept or refuse the delivery."""
    return catalog.count(sa.select(schema.receipts.c.receipt_id).select_from(_JOINED).where(_OPEN))


def tallies(catalog: Catalog, by: Literal["supplier", "line"]) -> list[Tally]:
    """Receipts counted by supplier or by line, those with the most discrepancies first."""
    table = schema.receipts
    key = schema.order_lines.c.supplier if by == "supplier" else table.c.line_id
    counted = {
        "matches": table.c.answer == MATCH,
        "mismatches": table.c.answer == MISMATCH,
        "unknown": table.c.answer == UNKNOWN,
        "refused": LAST_HANDLINGS.c.action == REFUSED,
        "overruled": (table.c.answer == MISMATCH) & (LAST_HANDLINGS.c.action == ACCEPTED),
        "open": _OPEN,
    }
    sums = [sa.func.sum(sa.case((true, 1), else_=0)).label(name) for name, true in counted.items()]
    query = sa.select(key.label("key"), sa.func.count().label("receipts"), *sums).select_from(_JOINED).group_by(key)
    with catalog.reading() as connection:
        made = [Tally(**row) for row in connection.execute(query).mappings()]
    return sorted(made, key=lambda one: (-one.mismatches, -one.receipts, one.key or ""))


def export_receipts(catalog: Catalog, path: Path) -> int:
    """Write the whole log as CSV, whole or not at all; returns how many receipts."""
    again = "free some space and run the same command again"
    with whole(path, hint=again) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as file:
        return write_receipts(catalog, file)


def write_receipts(catalog: Catalog, file: TextIO) -> int:
    """Write the whole log as CSV, the oldest first, into an open file; no cell is a formula to a spreadsheet."""
    columns = [column.name for column in _ENTRIES.selected_columns if column.name != "evidence"]
    writer = csv.writer(file)
    writer.writerow(columns)
    written = 0
    for row in _oldest_first(catalog):
        writer.writerow([harmless(_cell(row[name])) for name in columns])
        written += 1
    return written


def _oldest_first(catalog: Catalog) -> Iterator[Mapping[str, Any]]:
    query = _ENTRIES.order_by(schema.receipts.c.received_at, schema.receipts.c.receipt_id)
    with catalog.reading() as connection:
        for batch in catalog.batches(query, connection):
            yield from batch.to_pylist()


def _last_handlings() -> sa.Subquery:
    """The newest handling of each receipt."""
    table = schema.handlings
    order = (table.c.handled_at.desc(), table.c.handling_id.desc())
    place = sa.func.row_number().over(partition_by=table.c.receipt_id, order_by=order).label("place")
    ranked = sa.select(table, place).subquery()
    return sa.select(ranked).where(ranked.c.place == 1).subquery("last_handlings")


LAST_HANDLINGS = _last_handlings()
_SETTLED = sa.func.coalesce(LAST_HANDLINGS.c.action, "").in_([ACCEPTED, REFUSED])
_OPEN = (schema.receipts.c.answer == MISMATCH) & ~_SETTLED
_JOINED = schema.receipts.join(schema.order_lines).outerjoin(
    LAST_HANDLINGS, LAST_HANDLINGS.c.receipt_id == schema.receipts.c.receipt_id
)
_ENTRIES = sa.select(
    schema.receipts,
    *(schema.order_lines.c[name] for name in ("order_id", "line", "supplier", "description")),
    LAST_HANDLINGS.c.action,
    LAST_HANDLINGS.c.comment,
    LAST_HANDLINGS.c.person.label("handled_by"),
    LAST_HANDLINGS.c.handled_at,
).select_from(_JOINED)


def _entry(row: Mapping[str, Any]) -> Entry:
    own = {name: row[name] for name in Receipt.__dataclass_fields__}
    others = {name: row[name] for name in Entry.__dataclass_fields__ if name != "receipt"}
    return Entry(Receipt(**own), **others)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return "" if value is None else str(value)

"""The catalog's table out and in again: as CSV or Excel under the column names it came with, edits become decisions.

What is edited outside is held against what the table said when it was written: the column `AS_OF` says when that was.
A cell that nobody touched decides nothing, and a cell whose product was decided meanwhile is named and left alone.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from vitrine.config import Columns
from vitrine.desk import journal
from vitrine.desk.answers import answers
from vitrine.desk.decisions import Answer
from vitrine.desk.imported import Imported, enter
from vitrine.desk.journal import Pair
from vitrine.desk.trail import harmless
from vitrine.errors import InputError
from vitrine.intake.items import is_empty, text
from vitrine.intake.table import TableRow, read_table
from vitrine.records import Decision, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.stores.whole import whole
from vitrine.taxonomy import Attribute, Taxonomy

AS_OF = "vitrine_as_of"
_AGAIN = "free some space and run the same command again"


def write_table(
    catalog: Catalog,
    taxonomy: Taxonomy,
    columns: Columns,
    path: Path,
    *,
    like: Path | None = None,
    encoding: str = "utf-8",
) -> int:
    """Write one row a product with the answers that hold as .csv or .xlsx; returns how many rows.

    With `like`, the table that the catalog came from, its rows, columns, order and spellings stay and only the cells of
    attributes change. Without it the columns are key, name and attributes. Raises InputError for another ending.
    """
    held = {row["sku"]: row["values"] for row in _by_product(catalog, taxonomy)}
    rows = _rows_like(like, encoding, columns, taxonomy, held) if like else _rows(catalog, columns, taxonomy, held)
    moment = now().isoformat()
    return write_rows(([*row, moment if number else AS_OF] for number, row in enumerate(rows)), path)


def write_rows(rows: Iterable[Sequence[Any]], path: Path) -> int:
    """Write a header and rows as .csv or .xlsx, whole; returns how many rows below the header.

    No cell is one that a spreadsheet takes for a formula. Raises InputError for another ending.
    """
    writers = {".csv": _write_csv, ".xlsx": _write_xlsx}
    if path.suffix.lower() not in writers:
        raise InputError(f"{path}: the ending '{path.suffix}' is not known", hint="use .csv or .xlsx")
    with whole(path, hint=_AGAIN) as temporary:
        return writers[path.suffix.lower()](rows, temporary)


def import_table(
    catalog: Catalog, taxonomy: Taxonomy, columns: Columns, path: Path, *, author: str, encoding: str = "utf-8"
) -> Imported:
    """Enter what was edited in a table as decisions of `author`; the same file again changes nothing.

    Empty cells say nothing. Raises InputError when the table has no key column or no attribute.
    """
    held = {row["sku"]: row["values"] for row in _by_product(catalog, taxonomy)}
    skus = set(catalog.read(sa.select(schema.products.c.sku)).column("sku").to_pylist())
    edits: dict[Pair, tuple[str, datetime | None]] = {}
    problems: dict[str, str] = {}
    for row in read_table(path, encoding=encoding):
        sku, attributes = _key(row, columns, taxonomy)
        if row.problem or sku not in skus:
            problems[f"row {row.number}"] = row.problem or f"product {sku[:80]!r} is not in the catalog"
            continue
        for attribute in attributes:
            written = text(row.cells.get(attribute.name)).removeprefix("'")
            value = attribute.read(written)
            if value is not None and held.get(sku, {}).get(attribute.name) != value:
                edits[sku, attribute.name] = value, _moment(row)
            elif value is None and not is_empty(written):
                problems[f"row {row.number}, {attribute.name}"] = f"'{written[:80]}' is not in the taxonomy"
    with catalog.reading() as connection:
        entries = journal.entries_of(connection, edits)
    answers = [
        Answer(*pair, value=value, version=_seen(entries[pair], moment)) for pair, (value, moment) in edits.items()
    ]
    return enter(catalog, taxonomy, {author: answers}, problems)


def _seen(entries: Sequence[Decision], moment: datetime | None) -> int:
    """The version that the table's writer could know of; without a moment, that nothing was entered yet."""
    return sum(moment is not None and entry.decided_at <= moment for entry in entries)


def _by_product(catalog: Catalog, taxonomy: Taxonomy) -> Iterator[dict[str, Any]]:
    rows = (row for batch in answers(catalog, taxonomy).to_batches() for row in batch.to_pylist())
    for sku, group in groupby(rows, key=lambda row: row["sku"]):
        yield {"sku": sku, "values": {row["attribute"]: row["value"] for row in group}}


def _rows(
    catalog: Catalog, columns: Columns, taxonomy: Taxonomy, held: Mapping[str, Mapping[str, str]]
) -> Iterator[list[Any]]:
    table = schema.products
    yield [columns.key, columns.name, *taxonomy.attributes]
    for row in catalog.rows(sa.select(table.c.sku, table.c.name).order_by(table.c.sku)):
        values = held.get(row["sku"], {})
        yield [row["sku"], row["name"], *(values.get(name) for name in taxonomy.attributes)]


def _rows_like(
    like: Path, encoding: str, columns: Columns, taxonomy: Taxonomy, held: Mapping[str, Mapping[str, str]]
) -> Iterator[list[Any]]:
    header: list[str] = []
    for row in read_table(like, encoding=encoding):
        if row.problem:
            continue
        sku, attributes = _key(row, columns, taxonomy)
        if not header:
            header = [name for name in row.cells if name != AS_OF]
            yield list(header)
        cells = dict(row.cells)
        for attribute in attributes:
            value = held.get(sku, {}).get(attribute.name)
            if value is not None and attribute.read(text(cells[attribute.name])) != value:
                cells[attribute.name] = value
        yield [cells.get(name) for name in header]


def _key(row: TableRow, columns: Columns, taxonomy: Taxonomy) -> tuple[str, list[Attribute]]:
    attributes = [attribute for attribute in taxonomy.attributes.values() if attribute.name in row.cells]
    if not row.problem and (columns.key not in row.cells or not attributes):
        lost = f"no column '{columns.key}'" if columns.key not in row.cells else "no column of an attribute"
        raise InputError(
            f"the table has {lost} (it has: {', '.join(row.cells)})", hint="vitrine config show lists names"
        )
    return text(row.cells.get(columns.key)), attributes


def _moment(row: TableRow) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text(row.cells.get(AS_OF)))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _write_csv(rows: Iterable[Sequence[Any]], path: Path) -> int:
    written = -1
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        for row in rows:
            writer.writerow([harmless(text(cell)) for cell in row])
            written += 1
    return max(0, written)


def _write_xlsx(rows: Iterable[Sequence[Any]], path: Path) -> int:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet("products")
    written = -1
    for row in rows:
        cells = []
        for cell in row:
            one = WriteOnlyCell(
                sheet, value=cell if isinstance(cell, int | float) else ILLEGAL_CHARACTERS_RE.sub("", text(cell))
            )
            if not isinstance(cell, int | float):
                one.data_type = "s"  # text stays text, also where it looks like a formula or a number
            cells.append(one)
        sheet.append(cells)
        written += 1
    with path.open("wb") as file:
        book.save(file)
    return max(0, written)

"""The audit trail: every entry of the journal as a file, in the order in which it was entered."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from vitrine.errors import InputError
from vitrine.records import Decision, check_table
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.stores.whole import whole


def write_trail(catalog: Catalog, path: Path) -> int:
    """Write all entries as CSV, Parquet or JSON lines, told by the ending; returns how many. Undone ones are in it too.

    Raises InputError for another ending.
    """
    writers: Mapping[str, Callable[[pa.Table, Path], None]] = {
        ".csv": _csv, ".parquet": _parquet, ".jsonl": _jsonl,
    }  # fmt: skip
    if path.suffix.lower() not in writers:
        raise InputError(f"{path}: the ending '{path.suffix}' is not known", hint="use .csv, .parquet or .jsonl")
    table = schema.decisions
    entries = catalog.read(sa.select(table).order_by(table.c.decided_at, table.c.decision_id))
    entries = check_table(entries, Decision, key=("decision_id",), where="decisions")
    with whole(path, hint="free some space and run the same command again") as temporary:
        writers[path.suffix.lower()](entries, temporary)
    return int(entries.num_rows)


def _csv(entries: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(entries.column_names)
        for batch in entries.to_batches():
            writer.writerows([harmless(_shown(cell)) for cell in row.values()] for row in batch.to_pylist())


def _parquet(entries: pa.Table, path: Path) -> None:
    pq.write_table(entries, path)


def _jsonl(entries: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for batch in entries.to_batches():
            for row in batch.to_pylist():
                file.write(json.dumps(row, ensure_ascii=False, default=_shown) + "\n")


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula.

    >>> harmless("=HYPERLINK(1)"), harmless("-12.5"), harmless("red")
    ("'=HYPERLINK(1)", '-12.5', 'red')
    """
    if cell[:1] in ("=", "+", "@", "\t", "\r") or (cell[:1] == "-" and not cell[1:].replace(".", "", 1).isdigit()):
        return "'" + cell
    return cell


def _shown(cell: Any) -> str:
    if cell is None:
        return ""
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)

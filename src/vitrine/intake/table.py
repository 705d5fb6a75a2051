"""Read a label table (CSV, TSV, JSONL, Parquet or XLSX) as numbered rows; a bad row is reported, never lost.

A row's number is the one a person sees in the file: line of a text file, row of a sheet.
"""

import csv
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vitrine.errors import InputError

_MAX_UNZIPPED = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: its number, its cells by column, and what is wrong with it (empty when nothing is)."""

    number: int
    cells: Mapping[str, Any]
    problem: str = ""


def read_table(path: Path, *, encoding: str = "utf-8") -> Iterator[TableRow]:
    """Yield the rows of a table; the kind of file is told by its ending.

    Raises InputError when the file as a whole cannot be read: missing, empty, wrong encoding, unknown ending.
    """
    if not path.is_file():
        raise InputError(f"table {path} does not exist or is no file", hint="give the table with --table FILE")
    if path.stat().st_size == 0:
        raise InputError(f"table {path} is empty")
    readers = {".csv": _text, ".tsv": _text, ".txt": _text, ".jsonl": _jsonl, ".ndjson": _jsonl}
    ending = path.suffix.lower()
    if ending in readers:
        _check_encoding(path, encoding)
        return readers[ending](path, encoding)
    if ending in (".parquet", ".pq"):
        return _parquet(path)
    if ending == ".xlsx":
        return _xlsx(path)
    raise InputError(
        f"table {path}: the ending '{ending}' is not known",
        hint="use .csv, .tsv, .jsonl, .parquet or .xlsx",
    )


def columns_of(path: Path, *, encoding: str = "utf-8") -> list[str]:
    """The column names of a table, read from its first row."""
    for row in read_table(path, encoding=encoding):
        if not row.problem:
            return list(row.cells)
    raise InputError(f"table {path} has no row that can be read")


def _check_encoding(path: Path, encoding: str) -> None:
    """The whole file is decoded once before a row is used, so that a wrong byte in line 900,000 changes nothing."""
    try:
        with path.open(encoding=_with_bom(encoding), newline="") as lines:
            for _ in lines:
                pass
    except UnicodeDecodeError as error:
        raise InputError(
            f"table {path} is not {encoding}: byte {error.object[error.start]:#04x} cannot be decoded",
            hint="give its encoding, for example --encoding latin-1 (Windows: cp1252), or save it as UTF-8",
        ) from None
    except LookupError:
        raise InputError(f"'{encoding}' is no known encoding", hint="for example utf-8, latin-1, cp1252") from None


def _with_bom(encoding: str) -> str:
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding


def _text(path: Path, encoding: str) -> Iterator[TableRow]:
    csv.field_size_limit(10_000_000)
    with path.open(encoding=_with_bom(encoding), newline="") as lines:
        header_line = lines.readline()
        delimiter = _delimiter(header_line, path)
        lines.seek(0)
        reader = csv.reader(lines, delimiter=delimiter)
        header = _header(next(reader), path)
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield TableRow(number, {}, f"cannot be read: {error}")
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                row = dict(zip(header, cells, strict=False))
                yield TableRow(number, row, f"{len(cells)} cells where the header has {len(header)} columns")
                continue
            yield TableRow(number, dict(zip(header, cells, strict=True)))


def _delimiter(header: str, path: Path) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    counts = {delimiter: header.count(delimiter) for delimiter in (",", ";", "\t", "|")}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return best if counts[best] else ","


def _header(names: list[str], path: Path) -> list[str]:
    header = [name.strip() for name in names]
    for name in header:
        if not name:
            raise InputError(f"table {path}: column {header.index(name) + 1} has no name in the first line")
        if header.count(name) > 1:
            raise InputError(f"table {path}: two columns are called '{name}'")
    return header


def _jsonl(path: Path, encoding: str) -> Iterator[TableRow]:
    with path.open(encoding=_with_bom(encoding)) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                yield TableRow(number, {}, f"no JSON: {error}")
                continue
            if isinstance(cells, dict):
                yield TableRow(number, cells)
            else:
                yield TableRow(number, {}, f"a JSON {type(cells).__name__} where an object is needed")


def _parquet(path: Path) -> Iterator[TableRow]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"table {path} is no readable Parquet file: {error}") from None
    number = 0
    for batch in file.iter_batches(batch_size=10_000):
        for cells in batch.to_pylist():
            number += 1
            yield TableRow(number, cells)


def _xlsx(path: Path) -> Iterator[TableRow]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as archive:
            unzipped = sum(entry.file_size for entry in archive.infolist())
        if unzipped > _MAX_UNZIPPED:
            raise InputError(f"table {path} would unpack to {unzipped:,} bytes", hint="save it as CSV")
        sheet = load_workbook(path, read_only=True, data_only=True).worksheets[0]
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, IndexError) as error:
        raise InputError(f"table {path} is no readable Excel workbook: {error}") from None
    rows = sheet.iter_rows(values_only=True)
    first = next(rows, None)
    if first is None:
        raise InputError(f"table {path}: the first sheet is empty")
    header = _header(["" if name is None else str(name) for name in first], path)
    for number, cells in enumerate(rows, 2):
        if any(cell is not None for cell in cells):
            yield TableRow(number, dict(zip(header, cells, strict=False)))

"""Read the marketplace's files as people deliver them: CSV in any usual encoding and delimiter, or Parquet.

Everything in a CSV stays text here; `vitrine.market.ingest` gives it types. Rows carry their number in the file: the
header is row 1, as a spreadsheet shows it.
"""

import codecs
import csv
import difflib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.market.schema import TABLES, Table

Rows = NDArray[np.int64]

ROW = "row"
_BLOCK = 8 << 20
_HEADER = 64 << 10
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(slots=True)
class Delivered:
    """A table's file, open for reading. `columns` are its header without the spaces around each name.

    While `batches` runs, `broken` collects (row, text, reason) of lines with a wrong number of cells, for the caller to
    take away, and `foreign_bytes` counts bytes that were not of the file's encoding.
    """

    table: Table
    path: Path
    columns: tuple[str, ...]
    header: tuple[str, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    bytes_read: int = 0
    foreign_bytes: int = 0
    broken: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def typed(self) -> bool:
        """Whether the file brings its own types."""
        return self.path.suffix == ".parquet"

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows with their number in column `row`, a batch at a time; InputError where the file cannot be read."""
        reader = _parquet_batches(self) if self.typed else _csv_batches(self)
        yield from reader


def find(folder: Path) -> dict[str, Delivered]:
    """The tables of the marketplace found in `folder`, by name; InputError where nothing can be used or columns lack."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder", hint="give the folder with the official CSV files")
    found = {table.name: path for table in TABLES if (path := _path(folder, table)) is not None}
    if not found:
        seen = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise InputError(
            f"{folder} has none of the marketplace's files; it has {seen}",
            hint="official names are needed, for example olist_orders_dataset.csv",
        )
    return {table.name: _open(table, found[table.name]) for table in TABLES if table.name in found}


def _path(folder: Path, table: Table) -> Path | None:
    paths = [folder / f"{name}.{ending}" for ending in ("csv", "parquet") for name in (table.file, table.name)]
    present = [path for index, path in enumerate(paths) if path.is_file() and path not in paths[:index]]
    if len(present) > 1:
        raise InputError(
            f"{folder} has table {table.name} twice: {present[0].name} and {present[1].name}", hint="remove one of them"
        )
    return present[0] if present else None


def _open(table: Table, path: Path) -> Delivered:
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty; not even a header is there", hint="leave the file out if there is no data")
    if path.suffix == ".parquet":
        try:
            columns = tuple(pq.read_schema(path).names)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path} is no readable Parquet file: {error}") from None
        delivered = Delivered(table, path, columns)
    else:
        delivered = _open_csv(table, path)
    _check_columns(delivered)
    return delivered


def _open_csv(table: Table, path: Path) -> Delivered:
    with path.open("rb") as file:
        start = file.read(_HEADER)
    encoding = next((name for mark, name in _BOMS if start.startswith(mark)), "utf-8")
    text = _without_escapes(start.decode(encoding, errors=_errors(encoding)))[0].removeprefix("\ufeff")
    first = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",;\t|", key=first.count)
    try:
        columns = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
    except csv.Error as error:
        raise InputError(f"{path}: the header cannot be read: {error}") from None
    return Delivered(table, path, tuple(name.strip() for name in columns), tuple(columns), delimiter, encoding)


def _check_columns(delivered: Delivered) -> None:
    wanted = [column.name for column in delivered.table.columns]
    twice = {name for name in delivered.columns if delivered.columns.count(name) > 1}
    if twice:
        raise InputError(f"{delivered.path}: two columns are called '{min(twice)}'")
    missing = [name for name in wanted if name not in delivered.columns]
    if not missing:
        return
    unknown = [name for name in delivered.columns if name not in wanted]
    guesses = difflib.get_close_matches(missing[0], unknown, n=1, cutoff=0.5)
    hint = f"is '{guesses[0]}' meant? rename it" if guesses else f"the columns are {', '.join(wanted)}"
    raise InputError(f"{delivered.path} has no column '{missing[0]}'; it has {', '.join(delivered.columns)}", hint=hint)


def _csv_batches(delivered: Delivered) -> Iterator[pa.RecordBatch]:
    broken: list[tuple[int, str, str]] = []

    def put_aside(row: pa_csv.InvalidRow) -> str:
        reason = f"{row.actual_columns} cells where the header has {row.expected_columns} columns"
        broken.append((row.number, row.text, reason))
        return "skip"

    next_row = 2
    try:
        with delivered.path.open("rb") as raw:
            for batch in _open_arrow(raw, delivered, put_aside):
                rows = _numbers(next_row, batch.num_rows, [number for number, _, _ in broken])
                next_row = int(rows[-1]) + 1 if len(rows) else next_row
                _check_quotes(delivered, broken)
                delivered.broken += [one for one in broken if one[0] < next_row]
                # the reader is ahead of what it gives out: those of later rows are still needed for counting
                broken[:] = [one for one in broken if one[0] >= next_row]
                yield _numbered(batch.rename_columns(delivered.columns), rows)
            _check_quotes(delivered, broken)
            delivered.broken += broken
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):  # a header without a line end
            return
        raise InputError(
            f"{delivered.path} cannot be read: {error}",
            hint="a quote that is never closed swallows the rest of the file; look for it in the long cells",
        ) from None


def _check_quotes(delivered: Delivered, broken: list[tuple[int, str, str]]) -> None:
    """A quote that is never closed makes the rest of the file one cell; that is no matter of one row."""
    for row, text, _ in broken:
        if text.count('"') % 2:
            raise InputError(
                f"{delivered.path} row {row}: a quote is opened and never closed: {text[:60]!r}",
                hint='close it, or write a quote inside a cell twice: ""',
            )


def _open_arrow(raw: io.BufferedReader, delivered: Delivered, put_aside: Callable[..., str]) -> Any:
    return pa_csv.open_csv(
        pa.PythonFile(_Utf8(raw, delivered), mode="r"),
        # one thread: only then does a broken line know its number
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK),
        parse_options=pa_csv.ParseOptions(
            delimiter=delivered.delimiter, newlines_in_values=True, invalid_row_handler=put_aside
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types={name: pa.string() for name in delivered.header}, strings_can_be_null=True, null_values=[""]
        ),
    )


def _numbers(first: int, count: int, broken: list[int]) -> Rows:
    """The numbers of `count` whole rows from row `first` on, leaving out the broken ones."""
    candidates = np.arange(first, first + count + len(broken), dtype=np.int64)
    return candidates[~np.isin(candidates, broken)][:count]


def _numbered(batch: pa.RecordBatch, rows: Rows) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(rows), *batch.columns], names=[ROW, *batch.schema.names])


def _parquet_batches(delivered: Delivered) -> Iterator[pa.RecordBatch]:
    next_row = 2
    size = delivered.path.stat().st_size
    with pq.ParquetFile(delivered.path) as file:
        for batch in file.iter_batches(batch_size=1 << 17, columns=[one.name for one in delivered.table.columns]):
            yield _numbered(batch, np.arange(next_row, next_row + batch.num_rows, dtype=np.int64))
            next_row += batch.num_rows
            delivered.bytes_read = size * (next_row - 2) // file.metadata.num_rows


class _Utf8(io.RawIOBase):
    """A binary file as UTF-8, whatever it was; bytes that are no UTF-8 are read as Windows-1252 and counted."""

    def __init__(self, raw: io.BufferedReader, delivered: Delivered) -> None:
        self._raw = raw
        self._delivered = delivered
        self._decoder = codecs.getincrementaldecoder(delivered.encoding)(errors=_errors(delivered.encoding))
        self._ready = b""
        self._ended = False
        self._start = True

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fill `buffer`; 0 at the end."""
        while not self._ready and not self._ended:
            self._fill()
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _fill(self) -> None:
        chunk = self._raw.read(1 << 20)
        self._ended = not chunk
        self._delivered.bytes_read += len(chunk)
        text, foreign = _without_escapes(self._decoder.decode(chunk, final=self._ended))
        self._delivered.foreign_bytes += foreign
        if self._start and text:
            text, self._start = text.removeprefix("\ufeff"), False
        self._ready = text.encode("utf-8")


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding == "utf-8" else "replace"


def _without_escapes(text: str) -> tuple[str, int]:
    """Bytes that were no UTF-8 as Windows-1252 (its five holes as Latin-1, which has none), and how many there were."""
    escaped = len(_ESCAPED.findall(text))
    return (text.translate(_WINDOWS_1252) if escaped else text), escaped


def _windows_1252(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return bytes([byte]).decode("latin-1")


_ESCAPED = re.compile("[\udc80-\udcff]")
_WINDOWS_1252 = {0xDC00 + byte: _windows_1252(byte) for byte in range(0x80, 0x100)}

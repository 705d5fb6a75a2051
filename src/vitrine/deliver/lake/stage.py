"""Write one version of the lake into a folder of this machine, the same content always as the same bytes."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vitrine.deliver.lake import star
from vitrine.deliver.lake.rows import Chunk, dates
from vitrine.errors import StorageError

_NOTHING = "none"  # the folder of a table that has no chunk: readers find its columns there
_ROWS_IN_A_GROUP = 128 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file of a version; `path` is relative to the version."""

    path: str
    table: str
    rows: int
    bytes: int
    sha256: str


@dataclass(slots=True)
class Staged:
    """A whole version in `folder`; `content_id` is the same whenever what is in it is the same."""

    folder: Path
    files: list[File] = field(default_factory=list)

    @property
    def content_id(self) -> str:
        """Over the names and contents of all files."""
        lines = sorted(f"{one.path} {one.sha256}\n" for one in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        found: dict[str, int] = {}
        for one in self.files:
            found[one.table] = found.get(one.table, 0) + one.rows
        return found


def stage(chunks: Iterable[Chunk], tables: dict[str, star.Table], folder: Path) -> Staged:
    """Write all chunks, and the dates that they mention. Raises StorageError when the disk is full."""
    staged = Staged(folder)
    span: list[date] = []
    try:
        for name, value, rows in chunks:
            table = tables[name]
            span = _widen(span, table, rows)
            staged.files.append(_write(table, value, rows, folder))
        for name in sorted(tables.keys() - {star.DATES} - {one.table for one in staged.files}):
            staged.files.append(_write(tables[name], _NOTHING, tables[name].schema.empty_table(), folder))
        first, last = span or (None, None)
        staged.files.append(_write(tables[star.DATES], None, dates(first, last), folder))
    except OSError as error:
        raise StorageError(
            f"could not write {folder}: {error.strerror or error}",
            hint="free some space, then run vitrine export lake again",
        ) from error
    return staged


def partition(table: star.Table, value: str | None) -> str:
    """The folder of a chunk, as Hive names it. Only ASCII signs are quoted: Spark reads quoted letters byte by byte.

    >>> partition(star.Table("t", "", (), (), "attribute"), "cor/ação")
    't/attribute=cor%2Fação'
    """
    if not table.partition:
        return table.name
    letters = (
        one if not one.isascii() or one.isalnum() or one in "-_. " else f"%{ord(one):02X}" for one in value or ""
    )
    return f"{table.name}/{table.partition}={''.join(letters)}"


def _write(table: star.Table, value: str | None, rows: pa.Table, folder: Path) -> File:
    ordered = rows.select(table.schema.names).cast(table.schema)
    ordered = ordered.sort_by([(name, "ascending") for name in table.key if name in table.schema.names])
    relative = f"{partition(table, value)}/part-0.parquet"
    path = folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        ordered.replace_schema_metadata(None),
        path,
        compression="zstd",
        row_group_size=_ROWS_IN_A_GROUP,
        coerce_timestamps="us",
        store_schema=False,
    )
    data = path.read_bytes()
    return File(relative, table.name, ordered.num_rows, len(data), hashlib.sha256(data).hexdigest())


def _widen(span: list[date], table: star.Table, rows: pa.Table) -> list[date]:
    """The first and the last day seen so far."""
    days = list(span)
    for column in table.columns:
        if column.refers == f"{star.DATES}.day" and rows.num_rows:
            least = pc.min_max(rows[column.name]).as_py()
            days += [day for day in least.values() if day is not None]
    return [min(days), max(days)] if days else []

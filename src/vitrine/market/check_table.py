"""Type one table's rows, and keep out what breaks its rules, its key or its references, with the reason for each row."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from vitrine.market import cells
from vitrine.market.files import Delivered
from vitrine.market.schema import SQL, Reference, Table
from vitrine.market.sources import quoted


@dataclass(slots=True)
class TableReport:
    """What became of one file: rows kept and rejected, repeated rows that collapsed, and what was kept with a note."""

    file: str
    rows: int = 0
    rejected: int = 0
    repeated: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    content_id: str = ""


def check_table(
    scratch: duckdb.DuckDBPyConnection, delivered: Delivered, staging: Path, on_read: Callable[[int], None]
) -> TableReport:
    """Write the sound rows of `delivered` to `staging` and enter the others in table `rejected` of `scratch`.

    Parents of its references must have been written before; those that are not there are not checked.
    """
    return _TableCheck(scratch, delivered, staging).run(on_read)


class _TableCheck:
    """One table on its way from file to Parquet, in tables `checked` and `dropped` of the scratch database."""

    def __init__(self, scratch: duckdb.DuckDBPyConnection, delivered: Delivered, staging: Path) -> None:
        self.scratch = scratch
        self.delivered = delivered
        self.table = delivered.table
        self.staging = staging
        self.report = TableReport(file=delivered.path.name)

    def run(self, on_read: Callable[[int], None]) -> TableReport:
        self._read(on_read)
        self._drop_repeated()
        for reference in self.table.references:
            self._check_reference(reference)
        self._write()
        return self.report

    def _read(self, on_read: Callable[[int], None]) -> None:
        typed = ", ".join(f'"{one.name}" {SQL[one.kind]}' for one in self.table.columns)
        problem = 'STRUCT("column" VARCHAR, value VARCHAR, reason VARCHAR)'
        self.scratch.execute(f"CREATE OR REPLACE TABLE checked (row BIGINT, {typed}, problem {problem}, raw VARCHAR)")
        columns = ", ".join(f'"{one.name}"' for one in self.table.columns)
        self.scratch.execute("CREATE OR REPLACE TABLE dropped (row BIGINT PRIMARY KEY)")
        checked = _checked(self.table, self.delivered.typed)
        statement = f"INSERT INTO checked SELECT row, {columns}, problem, raw FROM ({checked})"
        commas = 0
        size = self.delivered.path.stat().st_size
        for batch in self.delivered.batches():
            self.scratch.register("batch", pa.Table.from_batches([batch]))
            self.scratch.execute(statement)
            commas += 0 if self.delivered.typed else self._decimal_commas()
            self.scratch.unregister("batch")
            self._reject_broken()
            on_read(min(size, self.delivered.bytes_read))
        self._reject_broken()
        self._note(commas, "cells with a decimal comma, read as numbers")
        self._note(self.delivered.foreign_bytes, "bytes that were not UTF-8, read as Windows-1252")
        self.scratch.execute(
            f"INSERT INTO rejected SELECT '{self.table.name}', row, problem.\"column\", problem.value, problem.reason, raw "
            "FROM checked WHERE problem IS NOT NULL"
        )
        for order in self.table.orders:
            if order.keep:
                query = f"SELECT count(*) FROM checked WHERE problem IS NULL AND {cells.disorder(order)}"
                self._note(self._count(query), f"{order.later} lies before {order.earlier}; kept: {order.keep}")

    def _decimal_commas(self) -> int:
        amounts = [one for one in self.table.columns if one.kind in ("money", "number")]
        if not amounts:
            return 0
        return self._count(
            "SELECT "
            + " + ".join(f"count(*) FILTER ({cells.has_decimal_comma(one)})" for one in amounts)
            + " FROM batch"
        )

    def _reject_broken(self) -> None:
        if not self.delivered.broken:
            return
        rows, texts, reasons = (list(values) for values in zip(*self.delivered.broken, strict=True))
        self.scratch.register("broken", pa.table({"row": rows, "reason": reasons, "raw": texts}))
        self.scratch.execute(f"INSERT INTO rejected SELECT '{self.table.name}', row, '', '', reason, raw FROM broken")
        self.scratch.unregister("broken")
        self.delivered.broken.clear()

    def _drop_repeated(self) -> None:
        """Rows that repeat another in full collapse into the first; rows that contradict each other are all rejected."""
        if not self.table.key:
            return
        same = " AND ".join(f'checked."{name}" IS NOT DISTINCT FROM keys."{name}"' for name in self.table.key)
        key, everything = _listed(self.table.key), _listed([column.name for column in self.table.columns])
        self.scratch.execute(
            f"CREATE OR REPLACE TABLE twice AS SELECT *, min(row) OVER (PARTITION BY {everything}) AS first FROM checked "
            f"SEMI JOIN (SELECT {key} FROM checked WHERE problem IS NULL GROUP BY {key} HAVING count(*) > 1) AS keys "
            f"ON {same} WHERE problem IS NULL"
        )
        self.report.repeated = self._count("SELECT count(*) FROM twice WHERE row <> first")
        self.scratch.execute("INSERT INTO dropped SELECT row FROM twice WHERE row <> first")
        known = " AND ".join(f'"{name}" IS NOT NULL' for name in self.table.key)
        shown = " || ', ' || ".join(f'CAST("{name}" AS VARCHAR)' for name in self.table.key)
        conflicts = (
            f"SELECT row, '{self.table.key[-1]}' AS \"column\", {shown} AS value, 'rows ' || array_to_string("
            f"list_sort(list(row) OVER (PARTITION BY {key}))[:10], ' and ') || ' give this key different contents' AS reason "
            f"FROM twice WHERE row = first AND {known} QUALIFY count(*) OVER (PARTITION BY {key}) > 1"
        )
        self._reject(conflicts)

    def _check_reference(self, reference: Reference) -> None:
        """Keep out rows whose parent was not kept; where the table's rules keep them, count them."""
        parent = self.staging / f"{reference.table}.parquet"
        if not parent.exists():
            return
        orphans = (
            f"FROM checked ANTI JOIN read_parquet('{quoted(parent)}') AS parents "
            f'ON checked."{reference.column}" = parents."{reference.parent}" WHERE problem IS NULL '
        )
        if reference.keep:
            absent = f'SELECT count(*) {orphans} AND "{reference.column}" IS NOT NULL'
            self._note(self._count(absent), f"{reference.column} is not in {reference.table}; kept: {reference.keep}")
            empty = f'SELECT count(*) FROM checked WHERE problem IS NULL AND "{reference.column}" IS NULL'
            self._note(self._count(empty), f"{reference.column} is empty")
            return
        reason = f"is not in {reference.table}"
        self._reject(
            f"SELECT row, '{reference.column}' AS \"column\", \"{reference.column}\" AS value, '{reason}' AS reason {orphans}"
        )

    def _reject(self, found: str) -> None:
        """Enter the rows that the query `found` (row, column, value, reason) names, unless they are out already."""
        packed = ", ".join(f'"{column.name}" := checked."{column.name}"' for column in self.table.columns)
        self.scratch.execute(f"CREATE OR REPLACE TABLE found AS SELECT * FROM ({found}) ANTI JOIN dropped USING (row)")
        self.scratch.execute(
            f"INSERT INTO rejected SELECT '{self.table.name}', row, found.\"column\", found.value, found.reason, "
            f"CAST(to_json(struct_pack({packed})) AS VARCHAR) FROM found JOIN checked USING (row)"
        )
        self.scratch.execute("INSERT INTO dropped SELECT DISTINCT row FROM found")

    def _write(self) -> None:
        columns = _listed([column.name for column in self.table.columns])
        kept = "FROM checked ANTI JOIN dropped USING (row) WHERE problem IS NULL"
        path = self.staging / f"{self.table.name}.parquet"
        copy(self.scratch, f"SELECT {columns} {kept} ORDER BY row", path)
        self.report.rows = self._count(f"SELECT count(*) {kept}")
        reasons = self.scratch.execute(
            "SELECT CASE WHEN reason LIKE 'rows %' THEN 'repeats a key with different contents' "
            "WHEN \"column\" = '' THEN 'has a wrong number of cells' ELSE \"column\" || ' ' || reason END AS why, count(*) "
            'FROM rejected WHERE "table" = ? GROUP BY why ORDER BY why',
            [self.table.name],
        ).fetchall()
        self.report.reasons = dict(reasons)
        self.report.rejected = sum(self.report.reasons.values())
        self.report.content_id = content_id(path)

    def _note(self, count: int, text: str) -> None:
        if count:
            self.report.notes[text] = count

    def _count(self, query: str) -> int:
        return int(self.scratch.execute(query).fetchall()[0][0])


def _checked(table: Table, typed: bool) -> str:
    """The query that types table `batch` and says what is wrong with each row."""
    texts = ", ".join(f'{cells.raw(column)} AS "raw_{column.name}"' for column in table.columns)
    values = ", ".join(f'{cells.value(column, typed=typed)} AS "{column.name}"' for column in table.columns)
    packed = ", ".join(f'"{column.name}" := "raw_{column.name}"' for column in table.columns)
    problems = [branch for column in table.columns for branch in cells.problem(column)]
    problems += [cells.disorder_problem(order) for order in table.orders if not order.keep]
    raw = f"CASE WHEN problem IS NOT NULL THEN CAST(to_json(struct_pack({packed})) AS VARCHAR) END AS raw"
    read = f"SELECT row, {texts}, {values} FROM batch"
    return f"SELECT *, {raw} FROM (SELECT *, CASE {' '.join(problems)} END AS problem FROM ({read}))"


def copy(scratch: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write the rows of `query` to a Parquet file; the same rows give the same bytes."""
    scratch.execute(f"COPY ({query}) TO '{quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")


def content_id(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)

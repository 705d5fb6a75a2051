"""The ingested marketplace: typed Parquet files, what was kept out of them, and a DuckDB connection that sees them.

A new ingest is written beside the old one; `manifest.json` names the folder that counts and is replaced last, so a
reader sees all of the old state or all of the new one.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from vitrine.errors import MissingPart, NotFound, StorageError
from vitrine.market.schema import TASKS, table

MANIFEST = "manifest.json"
REJECTED = "rejected"


class Sources:
    """The tables that `vitrine market ingest` brought into `folder`; present ones only, any subset is fine."""

    def __init__(self, folder: Path) -> None:
        """Look at the sources kept in `folder`; nothing is read before it is asked for."""
        self.folder = folder

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was ingested: `source_id`, and each table's rows, rejected and content id; NotFound before the first ingest."""
        path = self.folder / MANIFEST
        try:
            manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFound(
                f"nothing was ingested here: {path} does not exist",
                hint="vitrine market ingest DIR reads the official files; vitrine market simulate DIR makes some",
            ) from None
        except (OSError, json.JSONDecodeError) as error:
            raise StorageError(f"{path} is damaged: {error}", hint="vitrine market ingest DIR writes it anew") from None
        return manifest

    @property
    def source_id(self) -> str:
        """The identity of all ingested content together."""
        return str(self.manifest["source_id"])

    @property
    def tables(self) -> list[str]:
        """The names of the tables that are present."""
        return list(self.manifest["tables"])

    def path(self, name: str) -> Path:
        """The Parquet file of a table; MissingPart where it was not ingested."""
        self.require(name)
        return self._current / f"{name}.parquet"

    def require(self, *names: str) -> None:
        """MissingPart naming the official files of those of `names` that were not ingested."""
        missing = [table(name).file + ".csv" for name in names if name not in self.manifest["tables"]]
        if missing:
            raise MissingPart(
                f"the marketplace lacks {', '.join(missing)}",
                hint="put the file beside the others and run vitrine market ingest DIR again",
            )

    def lacking(self) -> dict[str, list[str]]:
        """For each task the tables it needs that are absent; a task that has all of them is left out."""
        lacks = {task: [name for name in needs if name not in self.tables] for task, needs in TASKS.items()}
        return {task: names for task, names in lacks.items() if names}

    def read(self, name: str) -> pa.Table:
        """One table as Arrow."""
        return pq.read_table(self.path(name))

    def rejected(self) -> pa.Table:
        """Rows that were kept out: table, row (header = 1), column, value, reason, raw (the row as JSON)."""
        return pq.read_table(self._current / f"{REJECTED}.parquet")

    def connect(self, *, memory: str = "1GB") -> duckdb.DuckDBPyConnection:
        """A new DuckDB connection with a view of each present table under its name; use it as a context manager."""
        connection = duckdb.connect()
        connection.execute("SET enable_progress_bar = false")  # it would write between the lines of --json
        connection.execute(f"SET memory_limit = '{memory}'")
        connection.execute(f"SET temp_directory = '{quoted(self.folder / 'spill')}'")
        for name in self.tables:
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{quoted(self.path(name))}')")
        return connection

    @property
    def _current(self) -> Path:
        return self.folder / str(self.manifest["source_id"])


def quoted(path: Path) -> str:
    """A path inside an SQL string; DuckDB binds no values in SET, COPY and view definitions."""
    return str(path.resolve()).replace("'", "''")

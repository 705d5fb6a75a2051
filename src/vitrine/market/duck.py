"""The feature queries on DuckDB, in the process."""

import uuid
from collections.abc import Sequence
from copy import copy
from datetime import date

import duckdb
import pyarrow as pa

from vitrine.market.queries import IMAGE_TABLES, KNOWN, SELLER_TABLES, TABLES, WINDOWS, sql

# Texts that the groups gather by: as numbers with a dictionary they are gathered nearly twice as fast.
_TEXTS = {
    "seller_id": ("sale", "item", "review", "payment"),
    "product_id": ("item",),
    "category": ("item",),
    "customer_state": ("sale",),
    "payment_type": ("payment",),
    "window_name": ("windows",),
}
_LARGEST_DICTIONARY = 1_000_000  # a larger one would need more memory than it saves


class DuckDB:
    """Answers the feature queries over a connection that has the marketplace's tables (see `queries.Engine`)."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Join orders, items and products once; every reference date reads the result."""
        self.connection = connection
        present = "SELECT 1 FROM information_schema.tables WHERE table_name = 'product_attributes'"
        self.has_images = bool(connection.execute(present).fetchall())
        for name in (*TABLES, *(IMAGE_TABLES if self.has_images else ())):
            connection.execute(f"CREATE OR REPLACE TABLE {name} AS {sql(name)}")
        connection.execute("CREATE OR REPLACE TABLE windows (window_name VARCHAR, days INTEGER)")
        connection.executemany("INSERT INTO windows VALUES (?, ?)", list(WINDOWS.items()))
        self._sellers_can_be_asked = False

    def for_thread(self) -> "DuckDB":
        """Another engine over the same tables, for use in another thread, each with reference dates of its own."""
        self._prepare_sellers()
        other = copy(self)
        other.connection = self.connection.cursor()
        return other

    def at(self, dates: Sequence[date]) -> None:
        """Ask for these reference dates from now on."""
        self._prepare_sellers()
        run = self.connection.execute
        run("CREATE OR REPLACE TEMP TABLE reference_dates AS SELECT unnest(?::DATE[]) AS reference_date", [list(dates)])
        for name in KNOWN:
            run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql(name)}")

    def _prepare_sellers(self) -> None:
        if self._sellers_can_be_asked:
            return
        for name in SELLER_TABLES:
            self.connection.execute(f"CREATE OR REPLACE TABLE {name} AS {sql(name)}")
        kinds = {column: self._kind(column, tables[0]) for column, tables in _TEXTS.items()}
        for table in dict.fromkeys(name for tables in _TEXTS.values() for name in tables):
            numbered = [f"{c}::{kinds[c]} AS {c}" for c, tables in _TEXTS.items() if table in tables and kinds[c]]
            if numbered:
                self.connection.execute(
                    f"CREATE OR REPLACE TABLE {table} AS SELECT * REPLACE ({', '.join(numbered)}) FROM {table}"
                )
        self._sellers_can_be_asked = True

    def answer(self, sql: str) -> pa.Table:
        """The rows of a query; a text may stand there as numbers with a dictionary."""
        return self.connection.sql(sql).to_arrow_table()

    def _kind(self, column: str, table: str) -> str:
        """A type that holds a text column as numbers with a sorted dictionary, which keeps the order; "" where too large."""
        count = f"SELECT approx_count_distinct({column}) FROM {table}"
        if not 0 < self.connection.execute(count).fetchall()[0][0] < _LARGEST_DICTIONARY:
            return ""
        kind = f"{column}_{uuid.uuid4().hex}"
        values = f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY {column}"
        self.connection.execute(f"CREATE TYPE {kind} AS ENUM ({values})")
        return kind

"""The feature queries on DuckDB, in the process."""

from collections.abc import Sequence
from datetime import date

import duckdb
import pyarrow as pa

from vitrine.market.queries import SELLER_TABLES, TABLES, VIEWS, WINDOWS, sql


class DuckDB:
    """Answers the feature queries over a connection that has the marketplace's tables (see `queries.Engine`)."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Join orders, items and products once; every reference date reads the result."""
        self.connection = connection
        for name in TABLES:
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql(name)}")
        connection.execute("CREATE OR REPLACE TEMP TABLE windows (window_name VARCHAR, days INTEGER)")
        connection.executemany("INSERT INTO windows VALUES (?, ?)", list(WINDOWS.items()))
        connection.execute("CREATE OR REPLACE TEMP TABLE reference_dates (reference_date DATE)")
        self._sellers_can_be_asked = False

    def at(self, dates: Sequence[date]) -> None:
        """Ask for these reference dates from now on."""
        self.connection.execute("DELETE FROM reference_dates")
        self.connection.execute("INSERT INTO reference_dates SELECT unnest(?::DATE[])", [list(dates)])
        if not self._sellers_can_be_asked:
            self._prepare_sellers()

    def _prepare_sellers(self) -> None:
        for name in SELLER_TABLES:
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql(name)}")
        for name in VIEWS:
            self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql(name)}")
        self._sellers_can_be_asked = True

    def answer(self, sql: str) -> pa.Table:
        """The rows of a query."""
        return self.connection.sql(sql).to_arrow_table()

"""The feature queries: SQL files that DuckDB and Spark read alike, and the one shape that their rows take.

A group file (`features/sales.sql` …) answers one row a reference date, seller and window; a column's ending says for which
windows it stands. `widen` lays the windows side by side: one row a reference date and seller.

>>> column_names("sales_orders_trend_days")
['sales_orders_trend_28d', 'sales_orders_trend_56d', 'sales_orders_trend_180d']
>>> column_names("sales_days_since_last_sale")
['sales_days_since_last_sale']
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from vitrine.errors import Refused

# A window of n days holds the n days before the reference date; a lifetime is longer than any marketplace.
WINDOWS = {"28d": 28, "56d": 56, "180d": 180, "lifetime": 36_500}
# What a column's ending means: each window, each window that has a window before it, the windows that hold enough.
ENDINGS = {"_window": tuple(WINDOWS), "_days": ("28d", "56d", "180d"), "_long": ("180d", "lifetime")}

GROUPS = ("sales", "reviews", "customers", "delivery", "payments", "products")
# Read by the groups, each after those that it reads itself. Tables do not depend on the reference dates; views do.
# Orders and deals read the first two only, and their tables alone have to be there.
TABLES = ("sale", "item")
SELLER_TABLES = ("review", "payment")
VIEWS = ("sale_known", "item_known", "review_known", "payment_known", "population", "frame")
KEY = ("reference_date", "seller_id")


class Engine(Protocol):
    """Something that answers the feature queries over the marketplace's tables."""

    def at(self, dates: Sequence[date]) -> None:
        """Ask for these reference dates from now on."""

    def answer(self, sql: str) -> pa.Table:
        """The rows of a query over the tables, the views and `reference_dates` and `windows`."""


@cache
def sql(name: str) -> str:
    """The text of `features/<name>.sql`."""
    return (files("vitrine.market") / "features" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def sql_id() -> str:
    """The identity of all that decides a feature's value besides the sources: queries and windows."""
    texts = [sql(name) for name in (*TABLES, *SELLER_TABLES, *VIEWS, *GROUPS)]
    return f"sql-{sha256(repr((texts, WINDOWS, ENDINGS)).encode()).hexdigest()[:16]}"


def column_names(column: str) -> list[str]:
    """The feature columns that a column of a group file becomes."""
    for ending, windows in ENDINGS.items():
        if column.endswith(ending):
            return [f"{column.removesuffix(ending)}_{window}" for window in windows]
    return [column]


def group_queries() -> dict[str, str]:
    """The text of each feature group, by its name."""
    return {group: sql(group) for group in GROUPS}


def compute(engine: Engine, dates: Sequence[date], queries: Mapping[str, str]) -> pa.Table:
    """The features of `queries` (group → SQL) at `dates`: key `reference_date` (date32) and `seller_id`, then doubles.

    Sorted by key. Refused when two groups do not answer for the same sellers.
    """
    engine.at(dates)
    wide = {group: widen(engine.answer(text)) for group, text in queries.items()}
    (first, table), *others = wide.items()
    for group, other in others:
        if not all(table.column(name).equals(other.column(name)) for name in KEY):
            raise Refused(
                f"feature group {group} answers for {other.num_rows:,} rows, group {first} for {table.num_rows:,}, "
                "or for other sellers",
                hint="every group begins FROM frame, which holds the population",
            )
        for name in other.column_names[len(KEY) :]:
            table = table.append_column(name, other.column(name))
    return table


def widen(long: pa.Table) -> pa.Table:
    """One row a reference date and seller from one row a reference date, seller and window."""
    long = long.sort_by([(name, "ascending") for name in KEY])
    parts = {window: long.filter(pc.equal(long.column("window_name"), window)) for window in WINDOWS}
    first = parts["lifetime"]
    columns = {
        "reference_date": first.column("reference_date").cast(pa.date32()),
        "seller_id": first.column("seller_id"),
    }
    for name in long.column_names:
        if name in (*KEY, "window_name"):
            continue
        for wide, window in zip(column_names(name), _windows(name), strict=True):
            columns[wide] = parts[window].column(name).cast(pa.float64())
    return pa.table(columns).combine_chunks()


def _windows(column: str) -> tuple[str, ...]:
    found = [windows for ending, windows in ENDINGS.items() if column.endswith(ending)]
    return found[0] if found else ("lifetime",)

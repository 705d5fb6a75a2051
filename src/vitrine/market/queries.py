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

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitrine.errors import Refused
from vitrine.market.images import VOCABULARY, with_shares

# A window of n days holds the n days before the reference date; a lifetime is longer than any marketplace.
WINDOWS = {"28d": 28, "56d": 56, "180d": 180, "lifetime": 36_500}
# What a column's ending means: each window, each window that has a window before it, the windows that hold enough.
ENDINGS = {"_window": tuple(WINDOWS), "_days": ("28d", "56d", "180d"), "_long": ("180d", "lifetime")}

GROUPS = ("sales", "reviews", "customers", "delivery", "payments", "products")
# Read by the groups, each after those that it reads itself. Tables do not depend on the reference dates; what is known does.
# Orders and deals read the first two only, and their tables alone have to be there.
TABLES = ("sale", "item")
SELLER_TABLES = ("review", "payment")
KNOWN = ("sale_known", "item_known", "review_known", "payment_known", "population", "frame")
# Where it was told what photos show of the products: a table more, and what sellers and orders show.
IMAGE_TABLES = ("image_attribute",)
IMAGES = ("seller_images", "order_images")
KEY = ("reference_date", "seller_id")


class Engine(Protocol):
    """Something that answers the feature queries over the marketplace's tables.

    `has_images`: whether table `product_attributes` is among them.
    """

    has_images: bool

    def at(self, dates: Sequence[date]) -> None:
        """Ask for these reference dates from now on."""

    def answer(self, sql: str) -> pa.Table:
        """The rows of a query over the tables, what is known, `reference_dates` and `windows`."""


@cache
def sql(name: str) -> str:
    """The text of `features/<name>.sql`."""
    return (files("vitrine.market") / "features" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def sql_id() -> str:
    """The identity of all that decides a feature's value besides the sources: queries and windows."""
    texts = [sql(name) for name in (*TABLES, *SELLER_TABLES, *KNOWN, *GROUPS, *IMAGE_TABLES, *IMAGES)]
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


def compute(engine: Engine, dates: Sequence[date], queries: Mapping[str, str] | None = None) -> pa.Table:
    """The features at `dates`: key `reference_date` (date32) and `seller_id`, then doubles; sorted by key.

    `queries` (group → SQL) instead of all groups and what photos show. Refused when two groups do not answer for the same
    sellers.
    """
    engine.at(dates)
    texts = group_queries() if queries is None else queries
    wide = {group: widen(engine.answer(text)) for group, text in texts.items()}
    (first, table), *others = wide.items()
    for group, other in others:
        if not all(table.column(name).equals(other.column(name)) for name in KEY):
            raise Refused(
                f"feature group {group} answers for {other.num_rows:,} rows, group {first} for {table.num_rows:,}, "
                "or for other sellers",
                hint="every group begins FROM frame, which holds the population",
            )
    columns = {name: table.column(name) for table in wide.values() for name in table.column_names}
    table = pa.table(columns)
    if queries is None and engine.has_images:
        table = with_shares(table, engine.answer(sql("seller_images")), vocabulary(engine), KEY)
    return table


def vocabulary(engine: Engine) -> list[tuple[str, str]]:
    """Every attribute and value that photos were ever said to show."""
    found = engine.answer(VOCABULARY)
    return list(zip(found["attribute"].to_pylist(), found["value"].to_pylist(), strict=True))


def widen(long: pa.Table) -> pa.Table:
    """One row a reference date and seller, sorted, from one row a reference date, seller and window in any order."""
    days = long.column("reference_date").cast(pa.date32()).combine_chunks()
    sellers, seller = _ranked(long.column("seller_id"))
    windows, window = _ranked(long.column("window_name"))
    day = days.cast(pa.int32()).to_numpy().astype(np.int64)
    order = np.argsort((day * len(sellers) + seller) * len(windows) + window)
    # a column's rows, sorted, are the windows of the first row, those of the second …
    lifetime = order[windows.index("lifetime") :: len(windows)]
    columns = {
        "reference_date": days.take(pa.array(lifetime)),
        "seller_id": pa.array(sellers, pa.string()).take(pa.array(seller[lifetime])),
    }
    for name in long.column_names:
        if name in (*KEY, "window_name"):
            continue
        values = long.column(name).cast(pa.float64()).to_numpy()[order].reshape(-1, len(windows)).T
        for wide, of_window in zip(column_names(name), _windows(name), strict=True):
            columns[wide] = pa.array(np.ascontiguousarray(values[windows.index(of_window)]), from_pandas=True)
    return pa.table(columns)


def _ranked(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """A column's different texts in order, and each row's place among them."""
    coded = column.combine_chunks()
    coded = coded if pa.types.is_dictionary(coded.type) else coded.dictionary_encode()
    texts = coded.dictionary.to_pylist()
    codes = coded.indices.to_numpy()
    present = np.unique(codes)
    present = present[np.argsort([texts[code] for code in present])]
    rank = np.zeros(len(texts), dtype=np.int64)
    rank[present] = np.arange(len(present))
    return [texts[code] for code in present], rank[codes]


def _windows(column: str) -> tuple[str, ...]:
    found = [windows for ending, windows in ENDINGS.items() if column.endswith(ending)]
    return found[0] if found else ("lifetime",)

"""The feature queries on Spark: the same SQL files, translated by sqlglot. Needs `pip install vitrine[spark]` and Java 17."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from vitrine.errors import MissingPart
from vitrine.market.queries import IMAGE_TABLES, KNOWN, SELLER_TABLES, TABLES, WINDOWS, sql

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Spark:
    """Answers the feature queries in a Spark session (see `queries.Engine`); `paths` names each table's Parquet file."""

    def __init__(self, session: "SparkSession", paths: Mapping[str, Path | str]) -> None:
        """Make the marketplace's tables known; times are without a zone, so the session's is set to UTC."""
        self.session = session
        self._known: list[DataFrame] = []
        session.conf.set("spark.sql.session.timeZone", "UTC")
        for name, path in paths.items():
            session.read.parquet(str(path)).createOrReplaceTempView(name)
        self.has_images = "product_attributes" in paths
        sellers = SELLER_TABLES if "order_reviews" in paths else ()
        images = IMAGE_TABLES if self.has_images else ()
        for name in (*TABLES, *images, *sellers):
            session.sql(translated(sql(name))).cache().createOrReplaceTempView(name)
        windows = session.createDataFrame(list(WINDOWS.items()), "window_name string, days int")
        windows.createOrReplaceTempView("windows")

    def at(self, dates: Sequence[date]) -> None:
        """Ask for these reference dates from now on."""
        rows = self.session.createDataFrame([(day,) for day in dates], "reference_date date")
        rows.createOrReplaceTempView("reference_dates")
        while self._known:
            self._known.pop().unpersist()
        for name in KNOWN:
            known = self.session.sql(translated(sql(name))).cache()
            known.createOrReplaceTempView(name)
            self._known.append(known)

    def answer(self, sql: str) -> pa.Table:
        """The rows of a query."""
        return self.session.sql(translated(sql)).toArrow()


def translated(text: str) -> str:
    """The query in Spark's words. MissingPart where sqlglot is not installed."""
    try:
        import sqlglot
    except ImportError:
        raise MissingPart("sqlglot is not installed", hint="pip install 'vitrine[spark]'") from None
    query: str = sqlglot.transpile(text, read="duckdb", write="spark", comments=False)[0]
    return query

"""The contract of the feature engines: Spark gives, row by row, what DuckDB gives, from the same SQL files."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from small_market import drawn_deals, drawn_images, drawn_orders, make_market

from vitrine.market.duck import DuckDB
from vitrine.market.home import Market
from vitrine.market.lookahead import compare
from vitrine.market.make_abt import PLANS, event_features
from vitrine.market.queries import KEY, compute

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2017, 10, 1)


@pytest.fixture(scope="module")
def session() -> "Iterator[SparkSession]":
    pyspark = pytest.importorskip("pyspark.sql", reason="pyspark is not installed; pip install 'vitrine[spark]'")
    pytest.importorskip("sqlglot", reason="sqlglot is not installed; pip install 'vitrine[spark]'")
    version = _java()
    if version < 17:
        pytest.skip(f"Spark needs Java 17; found {version or 'none'}")
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.sql.adaptive.enabled": "false",
        # plain interpretation: compiling 100 wide aggregates costs more than running them
        "spark.sql.codegen.wholeStage": "false",
    }
    builder = pyspark.SparkSession.builder.master("local[2]").appName("vitrine")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def _java() -> int:
    """The major version of Java, 0 where there is none."""
    if not shutil.which("java"):
        return 0
    said = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def both(market: Market, session: "SparkSession", days: list[date]) -> tuple[pa.Table, pa.Table]:
    from vitrine.market.spark import Spark

    paths = {name: market.sources.path(name) for name in market.sources.tables}
    with market.sources.connect() as connection:
        here = compute(DuckDB(connection), days)
    return here, compute(Spark(session, paths), days)


def test_spark_and_duckdb_agree_on_a_drawn_market(session: "SparkSession", tmp_path: Path) -> None:
    from vitrine.market.spark import Spark

    orders = drawn_orders(4, count=300)
    market = make_market(tmp_path, orders, drawn_deals(4), drawn_images(4, orders))
    here, there = both(market, session, [DAY])
    assert here.column_names == there.column_names
    assert compare(here, {"spark": there}, KEY, DAY, "churn") == []
    engine = Spark(session, {name: market.sources.path(name) for name in market.sources.tables})
    with market.sources.connect() as connection:
        for task in ("delay", "activation"):
            plan = PLANS[task]
            one, other = (event_features(each, plan) for each in (DuckDB(connection), engine))
            assert one.num_rows == other.num_rows > 0
            assert compare(one, {"spark": other}, plan.keys, DAY, task) == []


@pytest.mark.slow
@pytest.mark.real
def test_spark_and_duckdb_agree_on_the_real_rows(session: "SparkSession", tmp_path: Path, real_data: Path) -> None:
    market = Market.open(tmp_path)
    market.ingest(real_data / "olist")
    days = [date(2017, 6, 1), date(2018, 3, 1)]
    here, there = both(market, session, days)
    assert here.num_rows == there.num_rows > 1000
    assert compare(here, {"spark": there}, KEY, days[0], "churn") == []
